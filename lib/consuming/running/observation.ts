import type { Ending, HandlerObserver, Outcome } from '../../instruments/index.js';
import type { JetStreamMessage } from '../../jetstream/index.js';
import type { SettlementPolicy } from '../settlement/index.js';

/** How handling a message ended. */
export interface Handled {
  readonly failed: boolean;
  readonly error: unknown;
  /** When the handler was called, by `performance.now()`. */
  readonly startedAt: number;
}

/** Reports a message that was handled and settled. */
export function reportHandled(
  observer: HandlerObserver,
  message: JetStreamMessage,
  policy: SettlementPolicy,
  { failed, error, startedAt }: Handled,
): void {
  const duration = performance.now() - startedAt;
  if (message.isLost) return observer.ended(message, { outcome: 'lost', failed, error, duration });
  const { outcome } = message;
  if (failed && isRepeatedNever(outcome?.outcome, policy)) {
    return observer.ended(message, { outcome: 'skipped', failed, error, duration });
  }
  observer.ended(message, { outcome: 'left', ...outcome, failed, error, duration });
}

/** Reports a message that was not handled, or whose handler had not ended. */
export function reportUnhandled(
  observer: HandlerObserver,
  message: JetStreamMessage,
  outcome: Outcome,
): void {
  observer.ended(message, { outcome, failed: false, duration: 0 });
}

/** How a message ended that was unfinished when its handler was stopped. */
export function abandonedEnding({ outcome, isLost }: JetStreamMessage): Ending {
  const unfinished = { failed: false, duration: 0 };
  if (isLost || outcome === undefined) return { outcome: 'lost', ...unfinished };
  if (outcome.outcome === 'retried') return { outcome: 'released', ...unfinished };
  return { ...outcome, ...unfinished };
}

/** Whether a failed message is not handled again although it did not become a dead letter. */
function isRepeatedNever(outcome: Outcome | undefined, { ackMode }: SettlementPolicy): boolean {
  if (outcome === 'dead-lettered') return false;
  return ackMode === 'first' || ackMode === 'none';
}
