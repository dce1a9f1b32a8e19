/**
 * The base of every error that this library throws, so that one `instanceof` tells its errors from all others.
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
