/** Marks the errors of every copy and version of this library. */
const BRAND = Symbol.for('nestjs-nats-jetstream:error');

/**
 * The base of every error that this library throws, so that one `instanceof` check recognizes them, including errors of
 * another copy of the library in the same process.
 *
 * Each subclass stands for one failure that a caller can act on; its message names the stream, consumer, subject or
 * handler concerned and says what to do next.
 *
 * @remarks Check for it with `instanceof` to tell the errors of this library from all others; the subclass says what to
 * do.
 */
export abstract class JetStreamError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

// Defined on the prototype so that it is not an own property of each error.
Object.defineProperty(JetStreamError.prototype, BRAND, { value: true });

const isInstanceOf = Function.prototype[Symbol.hasInstance];

// Defined here because a declared `Symbol.hasInstance` would change how TypeScript narrows `instanceof` for all
// subclasses.
Object.defineProperty(JetStreamError, Symbol.hasInstance, {
  value(this: () => unknown, value: unknown): boolean {
    if ((this as unknown) !== JetStreamError) return isInstanceOf.call(this, value);
    return typeof value === 'object' && value !== null && BRAND in value;
  },
});
