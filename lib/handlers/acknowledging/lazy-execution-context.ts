import type { ExecutionContext, Type } from '@nestjs/common';
import { HandlerExecutionContext } from '../compile/index.js';

/** An execution context that decodes the payload only when it is requested. */
export class LazyExecutionContext extends HandlerExecutionContext {
  constructor(
    private readonly payload: () => unknown,
    private readonly rpcContext: unknown,
    target: Type,
    callback: (...args: never[]) => unknown,
  ) {
    super(undefined, rpcContext, target, callback);
  }

  override getArgs<T extends unknown[] = unknown[]>(): T {
    return [this.payload(), this.rpcContext] as unknown[] as T;
  }

  override switchToRpc(): ReturnType<ExecutionContext['switchToRpc']> {
    return { getData: <T>() => this.payload() as T, getContext: <T>() => this.rpcContext as T };
  }
}
