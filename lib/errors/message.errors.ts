import { JetStreamError } from './jetstream.error.js';

/** A message was settled (`ack`, `nak`, `term`) or declared in progress after it had been settled. */
export class MessageAlreadySettledError extends JetStreamError {
  constructor(
    /** The subject of the message. */
    readonly subject: string,
  ) {
    super(`The message on "${subject}" is settled already: ack, nak or term it once.`);
  }
}

/** Metadata was asked of a message that no JetStream consumer delivered. */
export class NotAJetStreamMessageError extends JetStreamError {
  constructor(
    /** The subject of the message. */
    readonly subject: string,
    reply: string,
  ) {
    super(
      `The message on "${subject}" was not delivered by a JetStream consumer: its reply subject is "${reply}".`,
    );
  }
}
