import { JetStreamError } from './jetstream.error.js';

/** The longest list of handlers in an error. */
const MOST_NAMES = 50;

/** Several handlers of the application have that name, each in another module or class. */
export class AmbiguousHandlerError extends JetStreamError {
  constructor(
    /** The name asked for. */
    readonly handler: string,
    /** The full names of the handlers. */
    readonly candidates: readonly string[],
  ) {
    super(`Several handlers are called "${handler}". Name one of ${candidates.join(', ')}.`);
  }
}

/** The application has no handler of that name. */
export class HandlerNotFoundError extends JetStreamError {
  constructor(
    /** The name asked for. */
    readonly handler: string,
    known: readonly string[],
  ) {
    const named = known.slice(0, MOST_NAMES).join(', ') || 'none';
    const more = known.length > MOST_NAMES ? ` and ${known.length - MOST_NAMES} others` : '';
    super(`There is no handler "${handler}". Handlers are: ${named}${more}.`);
  }
}
