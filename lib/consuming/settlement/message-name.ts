import type { JetStreamMessage } from '../../jetstream/index.js';
import type { SettlementPolicy } from './settlement-policy.js';

/**
 * The name of a message in logs: its handler, and the values by which it can be found.
 *
 * @param most the maximum number of deliveries, to include it
 * @param number of the delivery; an ordered consumer delivers a message once, and its handler is called again
 */
export function messageName(
  message: JetStreamMessage,
  { handler }: SettlementPolicy,
  most = Infinity,
  number = message.metadata.deliveryCount,
): string {
  const { stream, consumer, streamSequence } = message.metadata;
  return (
    `${handler}: the message on "${message.subject}" (stream ${stream}, sequence ${streamSequence}, ` +
    `consumer ${consumer}, delivery ${number}${Number.isFinite(most) ? ` of ${most}` : ''})`
  );
}

/** The consequence for a message that was not settled because of an error of a hook, as a sentence. */
export function afterFailedHook(message: JetStreamMessage, { ackMode, retry }: SettlementPolicy): string {
  if (message.settled) return 'It had been settled before.';
  const isLast = ackMode === 'none' || message.metadata.deliveryCount >= retry.maxDeliver;
  return isLast ? 'It is not delivered again.' : 'It will be delivered again after ackWait.';
}
