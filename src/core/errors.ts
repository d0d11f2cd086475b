// Error classes; a message has the form "op: fact; fix".

/** Base class of all errors that Nabla throws on purpose. The message has the form "op: fact; fix". */
export class NablaError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}
/** Shapes, axes or sizes do not fit. */
export class ShapeError extends NablaError {}
/** A dtype is not accepted, or dtypes are mixed. */
export class DTypeError extends NablaError {}
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
