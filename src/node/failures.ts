// What an error of unknown type says: its message, and the file system's code.

/** The message of an error, or what was thrown as text. */
export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

/** The code of a file system's error, such as ENOENT; '' for others. */
export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : '';
