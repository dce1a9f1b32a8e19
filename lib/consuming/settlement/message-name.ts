import type { JetStreamMessage } from '../../jetstream/index.js';
import type { SettlementPolicy } from './settlement-policy.js';

/** The name of a message in logs: its handler, and the values by which it can be found. */
export function messageName(message: JetStreamMessage, { handler }: SettlementPolicy): string {
  const { stream, consumer, streamSequence, deliveryCount } = message.metadata;
  return (
    `${handler}: the message on "${message.subject}" (stream ${stream}, sequence ${streamSequence}, ` +
    `consumer ${consumer}, delivery ${deliveryCount})`
  );
}
