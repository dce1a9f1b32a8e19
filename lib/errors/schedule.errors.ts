import { JetStreamError } from './jetstream.error.js';

/** The maximum number of schedules that an error lists. */
const MOST_NAMES = 50;

/**
 * The streams of the application have no schedule with this name.
 *
 * @remarks Use a name from `Schedules.list()`.
 */
export class ScheduleNotFoundError extends JetStreamError {
  constructor(
    /** The requested name. */
    readonly schedule: string,
    known: readonly string[],
  ) {
    const named = known.slice(0, MOST_NAMES).join(', ') || 'none';
    const more = known.length > MOST_NAMES ? ` and ${known.length - MOST_NAMES} others` : '';
    super(`There is no schedule "${schedule}". The known schedules are: ${named}${more}.`);
  }
}
