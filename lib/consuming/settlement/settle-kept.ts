import type { JetStreamMessage } from '../../jetstream/index.js';
import type { SettlementPolicy, StoredDeadLetter } from './settlement-policy.js';

/** The delay of a message that must stay in its stream: ten years, in milliseconds. */
const LEFT_FOR = 10 * 365 * 24 * 3_600_000;

/**
 * Settles a message whose dead letter is stored, unless it is settled already or needs no settlement.
 *
 * A message that must stay in its stream is delayed, also in its last delivery: the server does not deliver it, and
 * counts it as unacknowledged. It must not be terminated, because a stream may remove a message that no consumer needs
 * any more.
 */
export function settleKept(
  message: JetStreamMessage,
  { ackMode }: SettlementPolicy,
  { needsOriginal }: StoredDeadLetter,
  reason: string,
): void {
  message.kept(reason);
  if (message.settled || ackMode === 'none') return;
  if (needsOriginal) message.nak(LEFT_FOR);
  else message.term(reason);
}
