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

/**
 * `Handlers.bind`, or `Handlers.start` without a name, was called before the application had started its handlers, or
 * after it was closed. Handlers start last, after the `onApplicationBootstrap` of all providers.
 *
 * @remarks Call it after `app.init()` or `app.listen()` has resolved, and not while the application is closed.
 */
export class ApplicationNotRunningError extends JetStreamError {
  constructor(
    /** The method that was called. */
    readonly call: 'start' | 'bind',
    /** The method to bind, or `all handlers`. */
    readonly target: string,
    /** Whether the application was closed; otherwise it has not started yet. */
    readonly closed: boolean,
  ) {
    super(
      `Handlers.${call} cannot ${call} ${target}, because the application ` +
        (closed ? 'was closed. ' : 'has not started its handlers yet. ') +
        'Call it after app.init() or app.listen() has resolved, and before app.close().',
    );
  }
}
