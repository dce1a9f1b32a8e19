import { messageIdentity, type JetStreamMessage, type JetStreamService } from '../../jetstream/index.js';
import { errorText, printable } from '../../reporting/index.js';
import type { DeadLetterSink, SettlementPolicy } from '../settlement/index.js';
import { DEAD_LETTER_SUBJECT, toDeadLetter, type OriginalMessage } from './dead-letter-headers.js';

/** A message that nobody could handle, and what is known of it. */
export interface FailedMessage extends OriginalMessage {
  readonly stream: string;
  readonly consumer: string;
  readonly subject: string;
  readonly sequence: number;
  readonly published: Date;
  readonly deliveries: number;
  readonly handler: string;
  readonly reason: string;
  readonly error: string;
}

/** What publishing adds to the headers of a dead letter at most, in bytes: its id. */
const ROOM_FOR_PUBLISHING = 1_024;

/** Stores messages that cannot be handled in the dead-letter stream, complete, each once. */
export class DeadLetterPublisher implements DeadLetterSink {
  constructor(private readonly jetstream: JetStreamService) {}

  publish(
    message: JetStreamMessage,
    policy: SettlementPolicy,
    reason: string,
    error: unknown,
  ): Promise<void> {
    const { stream, consumer, streamSequence, deliveryCount, timestamp } = message.metadata;
    return this.store({
      stream,
      consumer,
      subject: message.subject,
      sequence: streamSequence,
      published: timestamp,
      deliveries: deliveryCount,
      handler: policy.handler,
      reason,
      error: describe(error),
      data: message.data,
      headers: message.headers,
      rawHeaders: message.rawHeaders,
    });
  }

  /** Stores a dead letter; resolves when the stream has it. One that it has already is not stored again. */
  async store({ data, headers, rawHeaders, ...failed }: FailedMessage): Promise<void> {
    const { stream, consumer, sequence } = failed;
    const letter = toDeadLetter(
      { data, headers, rawHeaders },
      {
        ...failed,
        sequence: String(sequence),
        published: failed.published.toISOString(),
        deliveries: String(failed.deliveries),
        time: new Date().toISOString(),
      },
      this.jetstream.connection.maxPayload - ROOM_FOR_PUBLISHING,
    );
    await this.jetstream.publish(`${DEAD_LETTER_SUBJECT}.${stream}.${consumer}`, letter.data, {
      // One dead letter for a message and consumer, whichever instance stores it and however often it tries.
      messageId: `dead-letter.${stream}.${consumer}.${messageIdentity(sequence, failed.published)}`,
      headers: letter.headers,
    });
  }
}

/** The class of an error says most, and many have no name but `Error`. */
function describe(error: unknown): string {
  const text = errorText(error);
  try {
    if (!(error instanceof Error)) return text;
    return `${printable(error.name === 'Error' ? error.constructor.name : error.name)}: ${text}`;
  } catch {
    return text;
  }
}
