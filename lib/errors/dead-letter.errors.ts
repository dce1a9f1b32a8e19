import { printable } from '../reporting/index.js';
import { JetStreamError } from './jetstream.error.js';

/**
 * The dead-letter stream has no dead letter with this sequence: it was dropped or replayed, has expired, or never
 * existed.
 *
 * @remarks Use sequences from `list()` or `page()`; if the dead letter was replayed or dropped meanwhile, nothing is
 * left to do.
 */
export class DeadLetterNotFoundError extends JetStreamError {
  constructor(
    /** The sequence in the dead-letter stream. */
    readonly sequence: number,
    options?: ErrorOptions,
  ) {
    super(
      `There is no dead letter ${sequence}: it was replayed, dropped or expired, or this is not the sequence of a dead letter. ` +
        'Use sequences from list() or page().',
      options,
    );
  }
}

/**
 * The handler of a dead letter to replay does not run in this process.
 *
 * @remarks Replay from an application that runs the handler, or to the original subject (`{ to: 'subject' }`).
 */
export class HandlerNotRunningError extends JetStreamError {
  constructor(
    /** The class and method of the handler that failed. */
    readonly handler: string,
    /** The name of the stream. */
    readonly stream: string,
    /** The name of the consumer. */
    readonly consumer: string,
  ) {
    super(
      `${handler}, the handler of consumer "${consumer}" of stream "${stream}", is not running in this process. ` +
        "Replay from an application that runs it, or to the original subject ({ to: 'subject' }).",
    );
  }
}

/**
 * A dead letter was replayed to its handler, and the handler failed again. The dead letter is kept.
 *
 * @remarks Correct the reason, which is the `cause`, and replay the dead letter again.
 */
export class ReplayFailedError extends JetStreamError {
  constructor(
    /** The sequence in the dead-letter stream. */
    readonly sequence: number,
    /** The class and method of the handler. */
    readonly handler: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(
      `The replay of dead letter ${sequence} to ${handler} failed, and the dead letter is kept: ${problem}`,
      options,
    );
  }
}

/**
 * The subject that a dead letter names is not allowed for a replay. The dead letter is kept.
 *
 * @remarks Replay the dead letter to its handler (`{ to: 'handler' }`), or drop it.
 */
export class ReplayRefusedError extends JetStreamError {
  constructor(
    /** The sequence in the dead-letter stream. */
    readonly sequence: number,
    /** The subject that the dead letter names. */
    readonly subject: string,
  ) {
    super(
      `Dead letter ${sequence} cannot be replayed to ${JSON.stringify(printable(subject.slice(0, 200)))}: the subject begins with "$", ` +
        "contains wildcards or is invalid. Replay the dead letter to its handler ({ to: 'handler' }), or drop it.",
    );
  }
}

/**
 * A dead letter that was stored without its payload cannot be replayed because its original message is no longer in the
 * stream. The dead letter is kept.
 *
 * @remarks Publish the message again from its source, and drop the dead letter.
 */
export class DeadLetterPayloadGoneError extends JetStreamError {
  constructor(
    /** The sequence in the dead-letter stream. */
    readonly sequence: number,
    /** The stream of the original message. */
    readonly stream: string,
    /** The sequence of the original message in that stream. */
    readonly streamSequence: number,
    options?: ErrorOptions,
  ) {
    super(
      `Dead letter ${sequence} was stored without its payload, and the original, message ${streamSequence} of stream "${stream}", ` +
        'no longer exists: it expired or was removed, or the stream was created again. Publish the message again from its ' +
        'source, and drop the dead letter.',
      options,
    );
  }
}
