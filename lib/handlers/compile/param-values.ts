import type { HandlerSource } from '../../consuming/index.js';
import { HandlerExecutionContext } from './handler-execution-context.js';
import type { HandlerMethod } from './handler-method.js';
import type { HandlerParam } from './handler-params.js';

/** The values of one call's parameters, each read once and only when asked for. */
export class ParamValues<Input> {
  private decoded = false;
  private payload: unknown;
  private rpcContext: ReturnType<HandlerSource<Input>['context']> | undefined;
  private execution: HandlerExecutionContext | undefined;
  /** The error with which a pipe has refused the payload. */
  refusal: { readonly error: unknown } | undefined;

  constructor(
    private readonly handler: HandlerMethod,
    private readonly source: HandlerSource<Input>,
    private readonly input: Input,
  ) {}

  /** The execution context that Nest's enhancers see. */
  get executionContext(): HandlerExecutionContext {
    this.execution ??= new HandlerExecutionContext(
      this.payloadValue(),
      this.contextValue(),
      this.handler.target,
      this.handler.callback,
    );
    return this.execution;
  }

  /** Decodes the payload; a promise if that is asynchronous. */
  prepare(): PromiseLike<void> | undefined {
    const payload = this.payloadValue();
    if (!this.source.mayBePending || !(payload instanceof Promise)) return undefined;
    // To filters, a payload that is refused is `undefined`.
    this.payload = undefined;
    return payload.then((value: unknown) => {
      this.payload = value;
    });
  }

  valueOf({ source, data, factory }: HandlerParam): unknown {
    switch (source) {
      case 'payload': {
        const payload = this.payloadValue();
        return typeof data === 'string'
          ? (payload as Record<string, unknown> | null | undefined)?.[data]
          : payload;
      }
      case 'context':
        return this.contextValue();
      case 'custom':
        return factory?.(data, this.executionContext);
    }
  }

  private payloadValue(): unknown {
    if (!this.decoded) {
      // First: where it throws, filters still get an execution context, whose payload is `undefined`.
      this.decoded = true;
      this.payload = this.source.payload(this.input);
    }
    return this.payload;
  }

  private contextValue(): ReturnType<HandlerSource<Input>['context']> {
    this.rpcContext ??= this.source.context(this.input);
    return this.rpcContext;
  }
}
