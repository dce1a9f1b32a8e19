import type { Type } from '@nestjs/common';
import type { DiscoveryService } from '@nestjs/core';

/** Nest's own record of a provider or controller; Nest exports it through this type only. */
export type InstanceWrapper = ReturnType<DiscoveryService['getProviders']>[number];

/** The provider or controller method that is a handler. */
export interface HandlerMethod {
  readonly target: Type;
  readonly method: string;
  readonly callback: (...args: unknown[]) => unknown;
  readonly wrapper: InstanceWrapper;
}

/** Class and method, as errors and logs name them. */
export function handlerName({ target, method }: Pick<HandlerMethod, 'target' | 'method'>): string {
  return `${target.name}.${method}`;
}
