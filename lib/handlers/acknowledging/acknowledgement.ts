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

/** How the messages of one consumer are settled: by the hooks of a {@link Settlement}, or by an interceptor around the handler. */
export class Acknowledgement {
  /** What is told of the outcome of each message. */
  readonly settlement: Settlement;
  private readonly hooks: Settlement | undefined;

  constructor(private readonly given: Settlement | NestInterceptor) {
    if (intercepts(given)) {
      this.settlement = new Remainder();
    } else {
      this.hooks = given as Settlement;
      const isOurs = Object.getPrototypeOf(given) === MessageSettlement.prototype;
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

/** For messages that went through an interceptor: it has settled them, except those whose error it passed on. */
class Remainder implements Settlement {
  private readonly rules = new MessageSettlement();

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
