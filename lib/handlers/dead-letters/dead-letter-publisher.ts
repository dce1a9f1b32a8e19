import type { MsgHdrs } from '@nats-io/transport-node';
import { messageIdentity, type JetStreamMessage, type JetStreamService } from '../../jetstream/index.js';
import { errorText, printable } from '../../reporting/index.js';
import type { DeadLetterSink, SettlementPolicy } from '../settlement/index.js';
import { DEAD_LETTER_SUBJECT, toDeadLetterHeaders } from './dead-letter-headers.js';

/** A message that nobody could handle, and what is known of it. */
export interface FailedMessage {
  readonly stream: string;
  readonly consumer: string;
  readonly subject: string;
  readonly sequence: number;
  readonly published: Date;
  readonly deliveries: number;
  readonly handler: string;
  readonly reason: string;
  readonly error: string;
  readonly data: Uint8Array;
  readonly headers: MsgHdrs | undefined;
  /** The block of headers as it travelled, if it is known. */
  readonly rawHeaders?: Uint8Array | undefined;
}

const NOTHING = new Uint8Array(0);
/** What a dead letter adds to its original at most, in bytes. */
const ROOM_FOR_DETAILS = 8_192;

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
  async store({ data, headers, rawHeaders = NOTHING, ...failed }: FailedMessage): Promise<void> {
    const { stream, consumer, sequence } = failed;
    // In base 64 it is a third larger, and the dead letter must not become too large by it.
    const size = data.length + 3 * rawHeaders.length + ROOM_FOR_DETAILS;
    const raw =
      rawHeaders.length > 0 && size <= this.jetstream.connection.maxPayload ? rawHeaders : undefined;
    await this.jetstream.publish(`${DEAD_LETTER_SUBJECT}.${stream}.${consumer}`, data, {
      // One dead letter for a message and consumer, whichever instance stores it and however often it tries.
      messageId: `dead-letter.${stream}.${consumer}.${messageIdentity(sequence, failed.published)}`,
      headers: toDeadLetterHeaders(
        headers,
        {
          ...failed,
          sequence: String(sequence),
          published: failed.published.toISOString(),
          deliveries: String(failed.deliveries),
          time: new Date().toISOString(),
        },
        raw,
      ),
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
