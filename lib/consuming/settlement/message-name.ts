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

/** What becomes of a message that was not settled because of an error of a hook, as a sentence. */
export function afterFailedHook(message: JetStreamMessage, { ackMode, retry }: SettlementPolicy): string {
  if (message.settled) return 'It had been settled before.';
  const isLast = ackMode === 'none' || message.metadata.deliveryCount >= retry.maxDeliver;
  return isLast ? 'It is not delivered again.' : 'It will be delivered again after ackWait.';
}
