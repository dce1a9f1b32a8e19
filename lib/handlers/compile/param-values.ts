import type { HandlerSource } from '../../consuming/index.js';
import { HandlerExecutionContext } from './handler-execution-context.js';
import type { HandlerMethod } from './handler-method.js';
import type { HandlerParam } from './handler-params.js';

/** The values of one call's parameters. Each is read once, when it is first requested. */
export class ParamValues<Input> {
  private decoded = false;
  private payload: unknown;
  private rpcContext: ReturnType<HandlerSource<Input>['context']> | undefined;
  private execution: HandlerExecutionContext | undefined;
  /** The error of a pipe that rejected the payload. */
  refusal: { readonly error: unknown } | undefined;

  constructor(
    private readonly handler: HandlerMethod,
    private readonly source: HandlerSource<Input>,
    private readonly input: Input,
  ) {}

  /** The execution context for Nest's enhancers. */
  get executionContext(): HandlerExecutionContext {
    this.execution ??= new HandlerExecutionContext(
      this.payloadValue(),
      this.contextValue(),
      this.handler.target,
      this.handler.callback,
    );
    return this.execution;
  }

  /** Decodes the payload; returns a promise if decoding is asynchronous. */
  prepare(): PromiseLike<void> | undefined {
    const payload = this.payloadValue();
    if (!this.source.mayBePending || !(payload instanceof Promise)) return undefined;
    // Filters see `undefined` in place of a rejected payload.
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
      // Set first: if decoding throws, filters still get an execution context, with the payload `undefined`.
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
