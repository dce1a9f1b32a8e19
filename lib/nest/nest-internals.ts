import type { CanActivate, NestInterceptor, PipeTransform, Type } from '@nestjs/common';
import { createParamDecorator } from '@nestjs/common';
import {
  ExternalContextCreator,
  type ContextId,
  type LazyModuleLoader,
  type ModuleRef,
  type ModulesContainer,
} from '@nestjs/core';
import { Ctx, Payload } from '@nestjs/microservices';
import type { ArgumentsHost } from '@nestjs/common';
import { UnsupportedNestVersionError } from '../errors/index.js';
import { installedVersion } from '../reporting/index.js';

/**
 * All internals of Nest, beyond its public API, that this library uses. They are the same in Nest 11 and 12, which
 * compatibility tests verify; {@link checkNestInternals} reports an incompatible version with one clear error at
 * startup.
 */

/** Creates the enhancers of one kind for a handler. */
export interface EnhancerCreator<T> {
  create(
    instance: object,
    callback: unknown,
    moduleKey: string,
    contextId?: ContextId,
    inquirerId?: string,
  ): T;
}

/** Finds guards, pipes, interceptors and filters. Nest exports them only as parts of `ExternalContextCreator`. */
export interface ContextCreators {
  readonly guardsContextCreator: EnhancerCreator<CanActivate[]> & { readonly config?: GlobalEnhancers };
  readonly interceptorsContextCreator: EnhancerCreator<NestInterceptor[]>;
  readonly pipesContextCreator: EnhancerCreator<PipeTransform[]> & {
    createConcreteContext(
      pipes: readonly (Type<PipeTransform> | PipeTransform)[],
      contextId?: ContextId,
      inquirerId?: string,
    ): PipeTransform[];
  };
  readonly filtersContextCreator: EnhancerCreator<{
    readonly filters: readonly unknown[];
    invokeCustomFilters(error: unknown, host: ArgumentsHost): unknown;
  }>;
  readonly pipesConsumer: object;
}

/** The request-scoped enhancers of the whole application. */
export interface GlobalEnhancers {
  getGlobalRequestGuards(): unknown[];
  getGlobalRequestPipes(): unknown[];
  getGlobalRequestInterceptors(): unknown[];
  getGlobalRequestFilters(): unknown[];
}

/** Creates request-scoped instances. */
export interface Injector {
  loadPerContext(
    instance: object,
    module: unknown,
    collection: unknown,
    contextId: ContextId,
    wrapper: unknown,
  ): Promise<object>;
}

/**
 * The metadata key under which Nest stores the data of parameter decorators, and its numbers for kinds of parameters.
 */
export const PARAMS = '__routeArguments__';
export const CUSTOM_PARAM = '__customRouteArgs__';
export const PAYLOAD_PARAM = 3;
/** The metadata key of classes that are called from outside. Nest creates request-scoped global enhancers for them. */
export const ENTRY_PROVIDER = '__entryProvider__';

/** The metadata key under which Nest stores the pipes of a method. */
export const PIPES = '__pipes__';
/** The metadata keys under which Nest stores the guards, interceptors, pipes and filters of a method. */
export const ENHANCERS = ['__guards__', '__interceptors__', PIPES, '__exceptionFilters__'] as const;

/** Checks all of these internals. @throws {@link UnsupportedNestVersionError} */
export function checkNestInternals(
  external: ExternalContextCreator,
  moduleRef: ModuleRef,
  modules: ModulesContainer,
): void {
  const creators = contextCreators(external);
  checkContextCreators(creators);
  const filters = creators.filtersContextCreator.create({}, () => undefined, '');
  requireMethods('the handler of exception filters', filters, ['invokeCustomFilters']);
  if (!Array.isArray(filters.filters)) missing('the handler of exception filters has no list of filters');
  injectorOf(moduleRef);
  const [module] = modules.values();
  if (module && typeof module.distance !== 'number') missing('a module has no distance');
  checkParamMetadata();
}

/** The creators inside an `ExternalContextCreator`, which {@link checkNestInternals} checks. */
export function contextCreators(external: ExternalContextCreator): ContextCreators {
  return external as unknown as ContextCreators;
}

function checkContextCreators(creators: ContextCreators): void {
  for (const part of ['guards', 'interceptors', 'pipes', 'filters'] as const) {
    requireMethods(`${part}ContextCreator`, creators[`${part}ContextCreator`], ['create']);
  }
  requireMethods('pipesContextCreator', creators.pipesContextCreator, ['createConcreteContext']);
  const { config } = creators.guardsContextCreator;
  if (config !== undefined && config !== null) {
    requireMethods('the configuration of the application', config, [
      'getGlobalRequestGuards',
      'getGlobalRequestPipes',
      'getGlobalRequestInterceptors',
      'getGlobalRequestFilters',
    ]);
  }
}

/** Returns Nest's injector for request-scoped instances. @throws {@link UnsupportedNestVersionError} */
export function injectorOf(moduleRef: ModuleRef): Injector {
  const { injector } = moduleRef as unknown as { readonly injector: Injector };
  requireMethods('the injector of ModuleRef', injector, ['loadPerContext']);
  return injector;
}

/** The method with which all of Nest's own pipelines run pipes. */
export interface PipesConsumer {
  apply(value: unknown, metadata: unknown, pipes: readonly PipeTransform[]): Promise<unknown>;
}

/**
 * The prototype of the class that runs pipes in all of Nest's own pipelines. @throws
 * {@link UnsupportedNestVersionError}
 */
export function pipesConsumerPrototype(): PipesConsumer {
  // The container is not accessed before the first use.
  const container = { applicationConfig: undefined, getModules: () => new Map() };
  const external = ExternalContextCreator.fromContainer(
    container as unknown as Parameters<typeof ExternalContextCreator.fromContainer>[0],
  );
  const { pipesConsumer } = external as unknown as ContextCreators;
  requireMethods('pipesConsumer', pipesConsumer, ['apply']);
  return Object.getPrototypeOf(pipesConsumer) as PipesConsumer;
}

/** Called for each module that is loaded lazily. */
interface LazyModuleListener {
  /** The classes of the module exist, and Nest has not scanned them. */
  imported(): void;
  /** The providers of the module exist; the caller gets the module afterwards. */
  loaded(): Promise<void>;
}

/** Calls back for each lazily loaded module. Nest has no hook for this, and does not call the module's own hooks. */
export function onLazyModule(loader: LazyModuleLoader, listener: LazyModuleListener): void {
  requireMethods('LazyModuleLoader', loader, ['load']);
  const load = loader.load.bind(loader);
  loader.load = async (create, ...args) => {
    const module = await load(
      async () => {
        const created = await create();
        listener.imported();
        return created;
      },
      ...args,
    );
    await listener.loaded();
    return module;
  };
}

/** Decorates a class as a user would, and checks whether the metadata is stored under the expected key. */
function checkParamMetadata(): void {
  class Probe {
    probe(): void {
      // Only decorated, never called.
    }
  }
  const value = (): undefined => undefined;
  Payload()(Probe.prototype, 'probe', 0);
  Ctx()(Probe.prototype, 'probe', 1);
  createParamDecorator(value)()(Probe.prototype, 'probe', 2);
  const metadata = (Reflect.getMetadata(PARAMS, Probe, 'probe') ?? {}) as Record<
    string,
    { readonly index?: unknown; readonly factory?: unknown }
  >;
  const entries = Object.entries(metadata);
  const keyOf = (index: number): string => entries.find(([, param]) => param.index === index)?.[0] ?? '';
  const isRead =
    Number(keyOf(0).split(':')[0]) === PAYLOAD_PARAM &&
    keyOf(1) !== '' &&
    keyOf(2).includes(CUSTOM_PARAM) &&
    entries.some(([, { factory }]) => factory === value);
  if (!isRead) missing(`parameter decorators do not keep their metadata in ${PARAMS}`);
}

function requireMethods(part: string, value: object | null | undefined, methods: readonly string[]): void {
  for (const method of methods) {
    const found = (value as Readonly<Record<string, unknown>> | null | undefined)?.[method];
    if (typeof found !== 'function') missing(`${part} has no method ${method}`);
  }
}

function missing(what: string): never {
  throw new UnsupportedNestVersionError(what, installedVersion('@nestjs/core'));
}
