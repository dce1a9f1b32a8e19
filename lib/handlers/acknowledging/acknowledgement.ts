import type { NestInterceptor } from '@nestjs/common';
import type { JetStreamMessage } from '../../jetstream/index.js';
import {
  callHandler,
  handlerName,
  intercepted,
  type CompiledHandler,
  type HandlerMethod,
  type HandlerSource,
} from '../compile/index.js';
import { finalResult } from '../results/index.js';
import {
  AckInterceptor,
  GuardedSettlement,
  type Settlement,
  type SettlementPolicy,
} from '../settlement/index.js';
import { LazyExecutionContext } from './lazy-execution-context.js';

/** How the messages of one consumer are settled: by the hooks of an {@link AckInterceptor}, or by going through it. */
export class Acknowledgement {
  /** What is told of the outcome of each message. */
  readonly settlement: Settlement;
  private readonly hooks: AckInterceptor | undefined;

  constructor(private readonly interceptor: NestInterceptor) {
    if (intercepts(interceptor)) {
      this.settlement = new Remainder();
    } else {
      this.hooks = interceptor as AckInterceptor;
      const isOurs = Object.getPrototypeOf(this.hooks) === AckInterceptor.prototype;
      this.settlement = isOurs ? this.hooks : new GuardedSettlement(this.hooks);
    }
  }

  /** Puts around a compiled handler what settlement needs before and after it: mostly nothing. */
  around(
    handler: CompiledHandler<JetStreamMessage>,
    method: HandlerMethod,
    source: HandlerSource<JetStreamMessage>,
    policy: SettlementPolicy,
  ): CompiledHandler<JetStreamMessage> {
    const { interceptor, hooks, settlement } = this;
    if (!hooks) return throughInterceptor(interceptor, handler, method, source);
    const isUsual = (hooks as Overridable).onStart === USUAL.onStart;
    return isUsual && policy.ackMode !== 'first' ? handler : beginning(settlement, handler, policy);
  }
}

/** A handler whose messages are announced to their settlement before it is called. */
function beginning(
  settlement: Settlement,
  handler: CompiledHandler<JetStreamMessage>,
  policy: SettlementPolicy,
): CompiledHandler<JetStreamMessage> {
  return (message) => {
    settlement.onStart(message, policy);
    return handler(message);
  };
}

/**
 * How the messages of a microservice are settled.
 *
 * @param given by the user; what its hooks throw is reported
 */
export function settlementOf(given: Settlement | undefined): {
  readonly ack: Settlement;
  readonly around: (
    handler: CompiledHandler<JetStreamMessage>,
    policy: SettlementPolicy,
  ) => CompiledHandler<JetStreamMessage>;
} {
  const ack = given === undefined ? new AckInterceptor() : new GuardedSettlement(given);
  const isUsual = given === undefined || (given as Overridable).onStart === USUAL.onStart;
  return {
    ack,
    around: (handler, policy) =>
      isUsual && policy.ackMode !== 'first' ? handler : beginning(ack, handler, policy),
  };
}

/** Whether messages have to go through an interceptor, or an interceptor class, because it overrides `intercept`. */
export function intercepts(interceptor: object): boolean {
  const methods = (typeof interceptor === 'function' ? interceptor.prototype : interceptor) as Overridable;
  return methods.intercept !== USUAL.intercept;
}

interface Overridable {
  readonly intercept?: unknown;
  readonly onStart?: unknown;
}

const USUAL: Overridable = AckInterceptor.prototype;

function throughInterceptor(
  interceptor: NestInterceptor,
  handler: CompiledHandler<JetStreamMessage>,
  method: HandlerMethod,
  source: HandlerSource<JetStreamMessage>,
): CompiledHandler<JetStreamMessage> {
  const name = handlerName(method);
  return async (message) => {
    const context = new LazyExecutionContext(
      () => source.payload(message),
      source.context(message),
      method.target,
      method.callback,
    );
    const outcome: unknown = interceptor.intercept(
      context,
      callHandler(() => handler(message)),
    );
    return finalResult(intercepted(outcome, interceptor, name));
  };
}

/** For messages that went through an interceptor: it has settled them, but for what it let through as an error. */
class Remainder implements Settlement {
  private readonly rules = new AckInterceptor();

  onStart(): void {
    // The interceptor has begun already.
  }

  onSuccess(): void {
    // The interceptor has settled it, or left it as it is on purpose.
  }

  onFailure(error: unknown, message: JetStreamMessage, policy: SettlementPolicy): void | Promise<void> {
    return this.rules.onFailure(error, message, policy);
  }
}
