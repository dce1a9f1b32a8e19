import { printable } from '../reporting/index.js';
import { JetStreamError } from './jetstream.error.js';

/** The dead-letter stream has no dead letter of that sequence: dropped, replayed or expired meanwhile, or never there. */
export class DeadLetterNotFoundError extends JetStreamError {
  constructor(
    /** The sequence in the dead-letter stream. */
    readonly sequence: number,
    options?: ErrorOptions,
  ) {
    super(
      `There is no dead letter ${sequence}: it was replayed, dropped or expired, or it is the sequence of something else. ` +
        'Take sequences from list() or page().',
      options,
    );
  }
}

/** A dead letter was to be replayed to its handler, and that does not run in this process. */
export class HandlerNotRunningError extends JetStreamError {
  constructor(
    /** Class and method of the handler that failed. */
    readonly handler: string,
    readonly stream: string,
    readonly consumer: string,
  ) {
    super(
      `${handler}, the handler of consumer "${consumer}" of stream "${stream}", does not run in this process: ` +
        "replay from an application that has it, or to the original subject ({ to: 'subject' }).",
    );
  }
}

/** A dead letter was replayed to its handler, which did not handle it. The dead letter is still there. */
export class ReplayFailedError extends JetStreamError {
  constructor(
    /** The sequence in the dead-letter stream. */
    readonly sequence: number,
    /** Class and method of the handler. */
    readonly handler: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(
      `The replay of dead letter ${sequence} to ${handler} failed, and the dead letter stays: ${problem}`,
      options,
    );
  }
}

/** A dead letter is not published to the subject that it names. It is still there. */
export class ReplayRefusedError extends JetStreamError {
  constructor(
    /** The sequence in the dead-letter stream. */
    readonly sequence: number,
    /** The subject that the dead letter names. */
    readonly subject: string,
  ) {
    super(
      `Dead letter ${sequence} is not published to ${JSON.stringify(printable(subject.slice(0, 200)))}: that begins with "$", or is not a ` +
        "subject without wildcards. Replay it to its handler ({ to: 'handler' }), or drop it.",
    );
  }
}

/**
 * A dead letter that was kept without its payload is not replayed, since its original is no longer in its stream. The dead
 * letter is still there.
 */
export class DeadLetterPayloadGoneError extends JetStreamError {
  constructor(
    /** The sequence in the dead-letter stream. */
    readonly sequence: number,
    /** The stream of the original message. */
    readonly stream: string,
    /** The sequence that the original message had there. */
    readonly streamSequence: number,
    options?: ErrorOptions,
  ) {
    super(
      `Dead letter ${sequence} was kept without its payload, and the original, message ${streamSequence} of stream "${stream}", ` +
        'is gone: it expired or was removed, or the stream was created again. Publish the message again from its source, and ' +
        'drop the dead letter.',
      options,
    );
  }
}
