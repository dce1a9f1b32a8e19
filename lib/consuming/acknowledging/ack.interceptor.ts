import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { Observable } from 'rxjs';
import type { JetStreamContext } from '../context/index.js';
import { MessageSettlement } from '../settlement/index.js';
import { GuardedSettlement } from './guarded-settlement.js';

/**
 * {@link MessageSettlement} as a Nest interceptor. Override `intercept` to run code around the handler, outside of all
 * its other interceptors. To change only how messages are settled, a subclass of {@link MessageSettlement} is cheaper.
 */
@Injectable()
export class AckInterceptor extends MessageSettlement implements NestInterceptor {
  /** The hooks run inside an observable, which an error of a subclass must not break. */
  private readonly hooks = new GuardedSettlement(this);

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const { message, policy } = context.switchToRpc().getContext<JetStreamContext>();
    const { hooks } = this;
    return new Observable((subscriber) => {
      const settled = (outcome: void | Promise<void>, result: unknown): void => {
        const end = (): void => {
          subscriber.next(result);
          subscriber.complete();
        };
        if (outcome) void outcome.then(end);
        else end();
      };
      let result: unknown;
      hooks.onStart(message, policy);
      return next.handle().subscribe({
        next: (value: unknown) => (result = value),
        error: (error: unknown) => settled(hooks.onFailure(error, message, policy), undefined),
        complete: () => settled(hooks.onSuccess(message, policy), result),
      });
    });
  }
}
