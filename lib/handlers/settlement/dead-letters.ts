import { headers, type MsgHdrs } from '@nats-io/transport-node';
import {
  provisionStream,
  type JetStreamMessage,
  type JetStreamService,
  type Provisioning,
} from '../../jetstream/index.js';
import type { SettlementPolicy } from './settlement-policy.js';

/** The stream that dead letters are kept in, and the first tokens of their subjects. */
export const DEAD_LETTER_STREAM = 'DEAD_LETTERS';
export const DEAD_LETTER_SUBJECT = 'dead-letters';

/** The headers that a dead letter adds to those of the original message. */
export const DEAD_LETTER_HEADERS = {
  stream: 'Dead-Letter-Stream',
  consumer: 'Dead-Letter-Consumer',
  subject: 'Dead-Letter-Subject',
  sequence: 'Dead-Letter-Sequence',
  deliveries: 'Dead-Letter-Deliveries',
  handler: 'Dead-Letter-Handler',
  reason: 'Dead-Letter-Reason',
  error: 'Dead-Letter-Error',
  time: 'Dead-Letter-Time',
} as const;

/** Stores messages that cannot be handled in the dead-letter stream, complete, each once. */
export class DeadLetterPublisher {
  constructor(private readonly jetstream: JetStreamService) {}

  /** Makes the dead-letter stream where there is none yet. */
  async provision(provisioning: Provisioning): Promise<void> {
    await provisionStream(
      this.jetstream,
      {
        name: DEAD_LETTER_STREAM,
        subjects: [`${DEAD_LETTER_SUBJECT}.>`],
        description: 'Messages that could not be handled, with what failed',
      },
      provisioning,
    );
  }

  /** Stores a message as a dead letter; resolves when the stream has it. */
  async publish(
    message: JetStreamMessage,
    policy: SettlementPolicy,
    reason: string,
    error: unknown,
  ): Promise<void> {
    const { stream, consumer, streamSequence, deliveryCount } = message.metadata;
    await this.jetstream.publish(`${DEAD_LETTER_SUBJECT}.${stream}.${consumer}`, message.data, {
      // One dead letter for a message and consumer, however often storing it is tried.
      messageId: `dead-letter.${stream}.${consumer}.${streamSequence}`,
      headers: this.headers(message, {
        stream,
        consumer,
        subject: message.subject,
        sequence: String(streamSequence),
        deliveries: String(deliveryCount),
        handler: policy.handler,
        reason,
        error: describe(error),
        time: new Date().toISOString(),
      }),
    });
  }

  private headers(
    message: JetStreamMessage,
    details: Record<keyof typeof DEAD_LETTER_HEADERS, string>,
  ): MsgHdrs {
    const result = headers();
    for (const [key, values] of message.headers ?? []) {
      // Instructions to the server were carried out when the original was stored: kept, but under another name.
      const name = key.startsWith('Nats-') ? `Dead-Letter-${key}` : key;
      for (const value of values) result.append(name, value);
    }
    for (const [name, header] of Object.entries(DEAD_LETTER_HEADERS)) {
      result.set(header, details[name as keyof typeof details].replace(/[\r\n]+/g, ' '));
    }
    return result;
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
