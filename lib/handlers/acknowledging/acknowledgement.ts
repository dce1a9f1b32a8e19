import type { NestInterceptor } from '@nestjs/common';
import {
  beginning,
  type CompiledHandler,
  finalResult,
  GuardedSettlement,
  type HandlerSource,
  intercepts,
  MessageSettlement,
  type Settlement,
  type SettlementPolicy,
} from '../../consuming/index.js';
import type { JetStreamMessage } from '../../jetstream/index.js';
import { callHandler, type HandlerMethod, handlerName, intercepted } from '../compile/index.js';
import { LazyExecutionContext } from './lazy-execution-context.js';

/**
 * Settles the messages of one consumer: by the hooks of a {@link Settlement}, or by an interceptor around the handler.
 */
export class Acknowledgement {
  /** Receives the outcome of each message. */
  readonly settlement: Settlement;
  private readonly hooks: Settlement | undefined;

  constructor(private readonly given: Settlement | NestInterceptor) {
    if (intercepts(given)) {
      this.settlement = new Remainder(given);
    } else {
      this.hooks = given as Settlement;
      const isOurs = Object.getPrototypeOf(given) === MessageSettlement.prototype;
      this.settlement = isOurs ? this.hooks : new GuardedSettlement(this.hooks);
    }
  }

  /** Wraps a compiled handler with the work that settlement needs before and after it; usually there is none. */
  around(
    handler: CompiledHandler<JetStreamMessage>,
    method: HandlerMethod,
    source: HandlerSource<JetStreamMessage>,
    policy: SettlementPolicy,
  ): CompiledHandler<JetStreamMessage> {
    const { given, hooks, settlement } = this;
    if (!hooks) return throughInterceptor(given as NestInterceptor, handler, method, source);
    return beginning(hooks, settlement, handler, policy);
  }
}

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

/**
 * Settles messages of an interceptor: it has settled them, except those whose error it passed on, and those that failed
 * before it was called. A subclass of `AckInterceptor` has its own rules for them.
 */
class Remainder implements Settlement {
  private readonly rules: Settlement;

  constructor(interceptor: object) {
    const hasRules = interceptor instanceof MessageSettlement;
    this.rules = hasRules ? new GuardedSettlement(interceptor) : new MessageSettlement();
  }

  onStart(): void {
    // The interceptor has already started.
  }

  onSuccess(): void {
    // The interceptor has settled the message, or left it unsettled on purpose.
  }

  onFailure(error: unknown, message: JetStreamMessage, policy: SettlementPolicy): void | Promise<void> {
    return this.rules.onFailure(error, message, policy);
  }
}
