import type { Type } from '@nestjs/common';
import type { DiscoveryService } from '@nestjs/core';

/** Nest's internal record of a provider or controller. Nest exports it only through this type. */
export type InstanceWrapper = ReturnType<DiscoveryService['getProviders']>[number];

/** A provider or controller method that is a handler. */
export interface HandlerMethod {
  readonly target: Type;
  readonly method: string;
  /**
   * The method with the metadata of its decorators. The function that is called is the instance's current method of
   * this name.
   */
  readonly callback: (...args: unknown[]) => unknown;
  readonly wrapper: InstanceWrapper;
  /** The name of the class, prefixed with its module if several classes have this name. */
  readonly className: string;
  /** Distinguishes several handlers of one method that are bound at run time, such as `#2`. */
  readonly suffix?: string;
}

/** The class and method, as errors and logs name them. */
export function handlerName({
  className,
  method,
  suffix = '',
}: Pick<HandlerMethod, 'className' | 'method' | 'suffix'>): string {
  return `${className}.${method}${suffix}`;
}
