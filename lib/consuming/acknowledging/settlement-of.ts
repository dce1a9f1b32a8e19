import type { JetStreamMessage } from '../../jetstream/index.js';
import type { CompiledHandler } from '../results/index.js';
import { MessageSettlement, type Settlement, type SettlementPolicy } from '../settlement/index.js';
import { AckInterceptor } from './ack.interceptor.js';
import { GuardedSettlement } from './guarded-settlement.js';

/** Around a handler: what its messages need before it is called. */
export type AroundHandler = (
  handler: CompiledHandler<JetStreamMessage>,
  policy: SettlementPolicy,
) => CompiledHandler<JetStreamMessage>;

/**
 * How the messages of a microservice are settled.
 *
 * @param given by the user; what its hooks throw is reported
 */
export function settlementOf(given: Settlement | undefined): {
  readonly ack: Settlement;
  readonly around: AroundHandler;
} {
  const ack = given === undefined ? new MessageSettlement() : new GuardedSettlement(given);
  return { ack, around: (handler, policy) => beginning(given ?? ack, ack, handler, policy) };
}

/**
 * A handler whose messages are announced to their settlement before it is called, where that does something.
 *
 * @param given by the user
 * @param guarded what is called in its place
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

/** Whether messages have to go through what settles them, an object or a class, because it is an interceptor of its own. */
export function intercepts(settlement: object): boolean {
  const { intercept } = (typeof settlement === 'function' ? settlement.prototype : settlement) as Overridable;
  return intercept !== undefined && intercept !== (AckInterceptor.prototype as Overridable).intercept;
}

interface Overridable {
  readonly intercept?: unknown;
  readonly onStart?: unknown;
}

const USUAL: Overridable = MessageSettlement.prototype;
