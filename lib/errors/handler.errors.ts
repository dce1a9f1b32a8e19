import { JetStreamError } from './jetstream.error.js';

/** The maximum number of handlers that an error lists. */
const MOST_NAMES = 50;

/**
 * Several handlers of the application have this name, in different modules or classes.
 *
 * @remarks Use one of the full names in `candidates`.
 */
export class AmbiguousHandlerError extends JetStreamError {
  constructor(
    /** The requested name. */
    readonly handler: string,
    /** The full names of the matching handlers. */
    readonly candidates: readonly string[],
  ) {
    super(`Several handlers are named "${handler}". Use one of the full names: ${candidates.join(', ')}.`);
  }
}

/**
 * The application has no handler with this name.
 *
 * @remarks Use a name from `Handlers.list()`.
 */
export class HandlerNotFoundError extends JetStreamError {
  constructor(
    /** The requested name. */
    readonly handler: string,
    known: readonly string[],
  ) {
    const named = known.slice(0, MOST_NAMES).join(', ') || 'none';
    const more = known.length > MOST_NAMES ? ` and ${known.length - MOST_NAMES} others` : '';
    super(`There is no handler "${handler}". The known handlers are: ${named}${more}.`);
  }
}
