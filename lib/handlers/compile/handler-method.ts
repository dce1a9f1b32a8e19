import type { Type } from '@nestjs/common';
import type { DiscoveryService } from '@nestjs/core';

/** Nest's own record of a provider or controller; Nest exports it through this type only. */
export type InstanceWrapper = ReturnType<DiscoveryService['getProviders']>[number];

/** The provider or controller method that is a handler. */
export interface HandlerMethod {
  readonly target: Type;
  readonly method: string;
  /** The method with the metadata of its decorators. What is called is the instance's own method of that name. */
  readonly callback: (...args: unknown[]) => unknown;
  readonly wrapper: InstanceWrapper;
  /** What the class is called: its name, with that of its module in front if there are several of that name. */
  readonly className: string;
}

/** Class and method, as errors and logs name them. */
export function handlerName({ className, method }: Pick<HandlerMethod, 'className' | 'method'>): string {
  return `${className}.${method}`;
}
