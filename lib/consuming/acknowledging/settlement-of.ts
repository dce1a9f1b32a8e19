import type { JetStreamMessage } from '../../jetstream/index.js';
import type { CompiledHandler } from '../results/index.js';
import { MessageSettlement, type Settlement, type SettlementPolicy } from '../settlement/index.js';
import { AckInterceptor } from './ack.interceptor.js';
import { GuardedSettlement } from './guarded-settlement.js';

/** Wraps a handler with the work that its messages need before the call. */
export type AroundHandler = (
  handler: CompiledHandler<JetStreamMessage>,
  policy: SettlementPolicy,
) => CompiledHandler<JetStreamMessage>;

/**
 * Returns the settlement of the messages of a microservice.
 *
 * @param given by the user; errors of its hooks are reported
 */
export function settlementOf(given: Settlement | undefined): {
  readonly ack: Settlement;
  readonly around: AroundHandler;
} {
  const ack = given === undefined ? new MessageSettlement() : new GuardedSettlement(given);
  return { ack, around: (handler, policy) => beginning(given ?? ack, ack, handler, policy) };
}

/**
 * Wraps a handler so that the settlement is notified of each message before the call, if its hook does anything.
 *
 * @param given by the user
 * @param guarded the guarded settlement that is called instead
 */
export function beginning(
  given: object,
  guarded: Settlement,
  handler: CompiledHandler<JetStreamMessage>,
  policy: SettlementPolicy,
): CompiledHandler<JetStreamMessage> {
  const isUsual = (given as Overridable).onStart === USUAL.onStart;
  if (isUsual && policy.ackMode !== 'first') return handler;
  return (message) => {
    guarded.onStart(message, policy);
    return handler(message);
  };
}

/** Whether messages have to pass through the settlement, an object or a class, because it is itself an interceptor. */
export function intercepts(settlement: object): boolean {
  const { intercept } = (typeof settlement === 'function' ? settlement.prototype : settlement) as Overridable;
  return intercept !== undefined && intercept !== (AckInterceptor.prototype as Overridable).intercept;
}

interface Overridable {
  readonly intercept?: unknown;
  readonly onStart?: unknown;
}

const USUAL: Overridable = MessageSettlement.prototype;
