/** What errors of every copy of this library have, whichever version it is. */
const BRAND = Symbol.for('nestjs-nats-jetstream:error');

/**
 * The base of every error that this library throws, so that one `instanceof` tells its errors from all others, those of
 * another copy of the library in the same process included.
 *
 * Each subclass stands for one failure that a caller can act on; its message names the stream, consumer, subject or
 * handler concerned and says what to do next.
 */
export abstract class JetStreamError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

// On the prototype, so that it is not a property of each error.
Object.defineProperty(JetStreamError.prototype, BRAND, { value: true });

const isInstanceOf = Function.prototype[Symbol.hasInstance];

// Set here, since TypeScript would narrow `instanceof` of all subclasses by a declared one.
Object.defineProperty(JetStreamError, Symbol.hasInstance, {
  value(this: () => unknown, value: unknown): boolean {
    if ((this as unknown) !== JetStreamError) return isInstanceOf.call(this, value);
    return typeof value === 'object' && value !== null && BRAND in value;
  },
});
