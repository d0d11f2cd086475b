// Turns a shader compiler's message into an error that shows the function, its file and the lines around it.
import type { Dispatch } from '../compiler/describe.js';
import { functionAt } from '../wgsl/functionAt.js';

/** The text of a kernel, and where its functions were written. */
interface Text {
  readonly wgsl: string;
  /** The kernel's name, where it has one. */
  readonly kernel?: string | undefined;
  readonly origins?: Dispatch['origins'] | undefined;
}

/** The compiler's complaint, the function it is in with its file, and the lines around it. */
export async function explainShader(
  module: GPUShaderModule | undefined,
  { wgsl, origins, kernel = '' }: Text,
  cause: unknown,
): Promise<string> {
  const { messages = [] } = (await module?.getCompilationInfo()) ?? {};
  const error = messages.find(({ type }) => type === 'error') ?? messages[0];
  if (!error) return `shader: ${cause instanceof Error ? cause.message : String(cause)}`;
  const { message, lineNum, linePos } = error;
  const lines = wgsl.split('\n');
  const found = functionAt(wgsl, lineNum);
  const { original = found?.name, file } = origins?.get(found?.name ?? '') ?? {};
  const source = file ? `, of ${file}` : '';
  const place = found ? ` in fn ${original}, its line ${lineNum - found.line + 1}${source}` : '';
  const from = Math.max(0, lineNum - 3);
  const excerpt = lines.slice(from, lineNum + 2).map((line, i) => {
    return `${from + i + 1 === lineNum ? '>' : ' '} ${from + i + 1} | ${line}`;
  });
  const where = `(line ${lineNum}, column ${linePos} of the kernel ${kernel})`;
  return [`shader: ${message}${place} ${where}`, ...excerpt].join('\n');
}
