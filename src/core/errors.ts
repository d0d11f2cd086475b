// Error classes; a message has the form "op: fact; fix".

/** Base class of all errors that Nabla throws on purpose. The message has the form "op: fact; fix". */
export class NablaError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }

  /** What complains, by its name: a function or an op; undefined where the message begins with none. */
  get op(): string | undefined {
    return /^[\w.]+(?=: )/.exec(this.message)?.[0];
  }
}
/** Shapes, axes or sizes do not fit. */
export class ShapeError extends NablaError {
  readonly #shapes: readonly (readonly number[])[];

  constructor(message: string, ...shapes: readonly (readonly number[])[]) {
    super(message);
    this.#shapes = shapes;
  }

  /** The shapes that do not fit, in the message's order; undefined where it is about none. */
  get shapes(): readonly (readonly number[])[] | undefined {
    return this.#shapes.length ? this.#shapes : undefined;
  }
}
/** A dtype is not accepted, or dtypes are mixed. */
export class DTypeError extends NablaError {
  readonly #dtypes: readonly string[];

  constructor(message: string, ...dtypes: readonly string[]) {
    super(message);
    this.#dtypes = dtypes;
  }

  /** The dtypes that are refused or do not agree, in the message's order; undefined where it is about none. */
  get dtypes(): readonly string[] | undefined {
    return this.#dtypes.length ? this.#dtypes : undefined;
  }
}
/** A fed value is missing, unknown, or of the wrong shape, dtype or range. */
export class FeedError extends NablaError {}
/** The GPU device was lost: destroyed, unplugged, or reset by the driver. */
export class DeviceLostError extends NablaError {}
/** A GPU operation failed: no adapter, out of memory, a limit exceeded, a shader that does not compile. */
export class DeviceError extends NablaError {}
/** A GPU result lies outside its proven error bound. */
export class CheckError extends NablaError {}
/** A file or byte sequence does not follow its format. */
export class FormatError extends NablaError {}
