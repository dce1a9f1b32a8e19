import 'reflect-metadata';
import { ContextIdFactory, ModuleRef, type ContextId, type ExternalContextCreator } from '@nestjs/core';
import type { BaseRpcContext, RequestContext } from '@nestjs/microservices';
import type { CompiledHandler, HandlerSource } from '../../consuming/index.js';
import { ENTRY_PROVIDER, injectorOf } from '../../nest/index.js';
import { compileDirect } from './direct-handler.js';
import { compileEnhanced } from './enhanced-handler.js';
import { EnhancerResolver, isEnhanced } from './enhancers.js';
import type { HandlerMethod } from './handler-method.js';
import { type HandlerParam, readParams } from './handler-params.js';

/** Compiles handler methods to functions, once, at bootstrap. */
export class HandlerCompiler {
  private readonly enhancers: EnhancerResolver;

  constructor(external: ExternalContextCreator) {
    this.enhancers = new EnhancerResolver(external);
  }

  /**
   * Compiles a handler: without enhancers as a direct call, otherwise with its enhancers. If the handler or an enhancer
   * is request-scoped, they are instantiated for each input.
   */
  compile<Input>(handler: HandlerMethod, source: HandlerSource<Input>): CompiledHandler<Input> {
    const params = readParams(handler.target, handler.method, handler.callback);
    const { wrapper } = handler;
    if (
      !wrapper.isDependencyTreeStatic() ||
      wrapper.isTransient ||
      this.enhancers.hasRequestScopedGlobals()
    ) {
      return this.compileScoped(handler, params, source);
    }
    return this.compileFor(handler, params, source, wrapper.instance as object);
  }

  /** Whether Nest does not create the request-scoped global enhancers that the handler would need. */
  missesScopedGlobals({ target, wrapper }: HandlerMethod): boolean {
    const isController = wrapper.host?.controllers.get(wrapper.token) === wrapper;
    if (isController || Reflect.hasMetadata(ENTRY_PROVIDER, target)) return false;
    return this.enhancers.hasRequestScopedGlobals();
  }

  private compileFor<Input>(
    handler: HandlerMethod,
    params: readonly HandlerParam[],
    source: HandlerSource<Input>,
    instance: object,
    contextId?: ContextId,
  ): CompiledHandler<Input> {
    const enhancers = this.enhancers.resolve(handler, params, instance, contextId);
    if (!isEnhanced(enhancers)) return compileDirect(handler, params, source, instance);
    return compileEnhanced(handler, params, source, instance, enhancers);
  }

  private compileScoped<Input>(
    handler: HandlerMethod,
    params: readonly HandlerParam[],
    source: HandlerSource<Input>,
  ): CompiledHandler<Input> {
    const { wrapper } = handler;
    const { host } = wrapper;
    const moduleRef = host?.getProviderByKey<ModuleRef>(ModuleRef)?.instance;
    if (!host || !moduleRef) throw new Error(`${handler.target.name} belongs to no module`);
    const injector = injectorOf(moduleRef);
    const collection = host.controllers.get(wrapper.token) === wrapper ? host.controllers : host.providers;
    return async (input) => {
      const payload = await readPayload(source, input);
      const request = new HandlerRequest(source.pattern(input), payload, source.context(input));
      const contextId = ContextIdFactory.getByRequest(request);
      moduleRef.registerRequestByContextId(request, contextId);
      const instance = await injector.loadPerContext(
        wrapper.instance as object,
        host,
        collection,
        contextId,
        wrapper,
      );
      return this.compileFor(handler, params, request.asSource(source), instance, contextId)(input);
    };
  }
}

/**
 * The payload of a request, or the error that occurred instead. Filters, which may be request-scoped too, receive this
 * error.
 */
type ReadPayload = { readonly value: unknown } | { readonly error: unknown };

async function readPayload<Input>(source: HandlerSource<Input>, input: Input): Promise<ReadPayload> {
  try {
    const payload = source.payload(input);
    return { value: source.mayBePending ? await payload : payload };
  } catch (error) {
    return { error };
  }
}

/** The object that request-scoped providers receive by `@Inject(REQUEST)`. */
class HandlerRequest implements RequestContext {
  constructor(
    readonly pattern: string,
    private readonly payload: ReadPayload,
    readonly context: BaseRpcContext,
  ) {}

  /** `undefined` if the payload cannot be decoded. */
  get data(): unknown {
    return 'value' in this.payload ? this.payload.value : undefined;
  }

  getPattern(): string {
    return this.pattern;
  }

  getData(): unknown {
    return this.data;
  }

  getContext(): BaseRpcContext {
    return this.context;
  }

  /** Gives the handler the same payload and context, so that neither is created twice. */
  asSource({ wantsEveryValue }: HandlerSource<never>): HandlerSource<unknown> {
    return {
      wantsEveryValue,
      pattern: () => this.pattern,
      payload: () => {
        if ('error' in this.payload) throw this.payload.error;
        return this.payload.value;
      },
      context: () => this.context,
    };
  }
}
