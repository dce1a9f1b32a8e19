import type { JetStreamMessage } from '../../jetstream/index.js';
import type { SettlementPolicy } from './settlement-policy.js';

/** What a message is called in the log: its handler, and all that it can be found by. */
export function messageName(message: JetStreamMessage, { handler }: SettlementPolicy): string {
  const { stream, consumer, streamSequence, deliveryCount } = message.metadata;
  return (
    `${handler}: the message on "${message.subject}" (stream ${stream}, sequence ${streamSequence}, ` +
    `consumer ${consumer}, delivery ${deliveryCount})`
  );
}
