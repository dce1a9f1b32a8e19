import { JetStreamError } from './jetstream.error.js';

/**
 * The board has no job with this id: it was removed, or has expired seven days after its end.
 *
 * @remarks Start the job again.
 */
export class BoardJobNotFoundError extends JetStreamError {
  constructor(
    /** The id of the job. */
    readonly id: string,
  ) {
    super(
      `The board has no job ${JSON.stringify(id)}: it was removed, or it ended more than seven days ago. Start it again.`,
    );
  }
}

/**
 * As many jobs of the board run or wait in this process as it allows.
 *
 * @remarks Wait until one of them has ended, or stop one.
 */
export class TooManyBoardJobsError extends JetStreamError {
  constructor(
    /** The limit. */
    readonly limit: number,
  ) {
    super(
      `${limit} jobs of the board run or wait in this process, which is the limit. Wait until one has ended, or stop one.`,
    );
  }
}

/**
 * A job of the board runs, and so cannot be continued or removed.
 *
 * @remarks Stop the job first, or wait until it ends.
 */
export class BoardJobRunningError extends JetStreamError {
  constructor(
    /** The id of the job. */
    readonly id: string,
    /** The id of the instance that runs it. */
    readonly instance: string,
  ) {
    super(
      `The job ${JSON.stringify(id)} runs in the instance ${JSON.stringify(instance)}. Stop it first, or wait until it ends.`,
    );
  }
}
