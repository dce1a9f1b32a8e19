import type { ArgumentsHost, CanActivate, NestInterceptor, PipeTransform, Type } from '@nestjs/common';
import type { ContextId, ExternalContextCreator } from '@nestjs/core';
import { contextCreators, type ContextCreators, ENHANCERS } from '../../nest/index.js';
import type { HandlerMethod } from './handler-method.js';
import { type HandlerParam, readParams } from './handler-params.js';

/** All Nest enhancers of one handler, in the order in which they apply. */
export interface Enhancers {
  readonly guards: readonly CanActivate[];
  readonly interceptors: readonly NestInterceptor[];
  /** The pipes of each parameter, by its position in the parameter list. */
  readonly pipes: readonly (readonly PipeTransform[])[];
  /** Runs the exception filter that matches; `undefined` if none matches or the filter returns nothing. */
  readonly catchError: ((error: unknown, host: ArgumentsHost) => unknown) | undefined;
}

/**
 * Finds a handler's guards, pipes, interceptors and filters: the ones of the method, of the class and the global ones.
 */
export class EnhancerResolver {
  private readonly creators: ContextCreators;

  constructor(external: ExternalContextCreator) {
    this.creators = contextCreators(external);
  }

  /** The enhancers of one instance; request-scoped ones belong to the given context. */
  resolve(
    { callback, wrapper }: HandlerMethod,
    params: readonly HandlerParam[],
    instance: object,
    contextId?: ContextId,
  ): Enhancers {
    const moduleKey = wrapper.host?.token ?? '';
    const inquirerId = contextId === undefined ? undefined : wrapper.id;
    const { guardsContextCreator, interceptorsContextCreator, pipesContextCreator, filtersContextCreator } =
      this.creators;
    const filters = filtersContextCreator.create(instance, callback, moduleKey, contextId, inquirerId);
    const shared = pipesContextCreator.create(instance, callback, moduleKey, contextId, inquirerId);
    return {
      guards: guardsContextCreator.create(instance, callback, moduleKey, contextId, inquirerId),
      interceptors: interceptorsContextCreator.create(instance, callback, moduleKey, contextId, inquirerId),
      pipes: params.map((param) => [
        ...shared,
        ...pipesContextCreator.createConcreteContext(param.pipes, contextId, inquirerId),
      ]),
      catchError:
        filters.filters.length > 0 ? (error, host) => filters.invokeCustomFilters(error, host) : undefined,
    };
  }

  /** Whether a global enhancer is request-scoped, which makes every handler request-scoped. */
  hasRequestScopedGlobals(): boolean {
    const { config } = this.creators.guardsContextCreator;
    if (!config) return false;
    return [
      config.getGlobalRequestGuards(),
      config.getGlobalRequestPipes(),
      config.getGlobalRequestInterceptors(),
      config.getGlobalRequestFilters(),
    ].some((wrappers) => wrappers.length > 0);
  }
}

/**
 * The guards, interceptors, pipes and filters of a handler that Nest did not find because something else, such as an
 * accessor or a spy, was in place of the method when Nest scanned the class.
 */
export function lostEnhancers({ target, method, callback, wrapper }: HandlerMethod): readonly Type[] {
  const known = wrapper.host?.injectables;
  if (!known) return [];
  const listed = ENHANCERS.flatMap((key) => (Reflect.getMetadata(key, callback) ?? []) as readonly unknown[]);
  const pipes = readParams(target, method, callback).flatMap((param): readonly unknown[] => param.pipes);
  return [...listed, ...pipes].filter(
    (each): each is Type => typeof each === 'function' && !known.has(each as Type),
  );
}

/** Whether a handler has any enhancers. Without enhancers, it is called directly. */
export function isEnhanced({ guards, interceptors, pipes, catchError }: Enhancers): boolean {
  return (
    guards.length > 0 ||
    interceptors.length > 0 ||
    pipes.some((list) => list.length > 0) ||
    catchError !== undefined
  );
}
