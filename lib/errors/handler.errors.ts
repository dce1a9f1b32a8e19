import { JetStreamError } from './jetstream.error.js';

/** The application has no handler of that name. */
export class HandlerNotFoundError extends JetStreamError {
  constructor(
    /** The name asked for. */
    readonly handler: string,
    known: readonly string[],
  ) {
    super(`There is no handler "${handler}". Handlers are: ${known.join(', ') || 'none'}.`);
  }
}
