import type { ExecutionContext, Type } from '@nestjs/common';

type RpcArgumentsHost = ReturnType<ExecutionContext['switchToRpc']>;
type HttpArgumentsHost = ReturnType<ExecutionContext['switchToHttp']>;
type WsArgumentsHost = ReturnType<ExecutionContext['switchToWs']>;

/** The execution context that guards, interceptors, filters and parameter decorators see: `getType()` is `rpc`. */
export class HandlerExecutionContext implements ExecutionContext {
  constructor(
    private readonly data: unknown,
    private readonly context: unknown,
    private readonly target: Type,
    private readonly callback: (...args: never[]) => unknown,
  ) {}

  getClass<T = unknown>(): Type<T> {
    return this.target as Type<T>;
  }

  getHandler(): (...args: never[]) => unknown {
    return this.callback;
  }

  getArgs<T extends unknown[] = unknown[]>(): T {
    return [this.data, this.context] as unknown[] as T;
  }

  getArgByIndex<T = unknown>(index: number): T {
    return this.getArgs()[index] as T;
  }

  getType<T extends string = string>(): T {
    return 'rpc' as T;
  }

  switchToRpc(): RpcArgumentsHost {
    return { getData: <T>() => this.data as T, getContext: <T>() => this.context as T };
  }

  switchToHttp(): HttpArgumentsHost {
    return {
      getRequest: <T>() => this.data as T,
      getResponse: <T>() => this.context as T,
      getNext: <T>() => undefined as T,
    };
  }

  switchToWs(): WsArgumentsHost {
    return { getData: <T>() => this.context as T, getClient: <T>() => this.data as T, getPattern: () => '' };
  }
}
