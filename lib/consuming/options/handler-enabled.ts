import type { InjectionToken } from '@nestjs/common';
import { hasMethods, rule } from '../../validation/index.js';

/**
 * Whether this process runs a handler: a value, or a factory that decides at bootstrap from injected providers.
 *
 * @example
 * ```ts
 * @JsConsumer({
 *   stream: 'ORDERS',
 *   durable: 'billing',
 *   enabled: { inject: [ConfigService], useFactory: (config: ConfigService) => config.getOrThrow<boolean>('WORKER') },
 * })
 * ```
 */
export type HandlerEnabled =
  | boolean
  | {
      /** The providers to pass to the factory, from anywhere in the application. */
      readonly inject?: readonly InjectionToken[] | undefined;
      readonly useFactory: (...injected: never[]) => boolean | Promise<boolean>;
    };

/** The option that all handlers with a consumer, watch or subscription have. */
export interface EnabledOption {
  /**
   * Whether this process runs the handler. Otherwise nothing is created on the server for it, and its options are only
   * checked as far as that needs no server; {@link Handlers.list} shows it with `notStarted: 'enabled'`, and
   * {@link Handlers.start} starts it by its name. Default: true.
   */
  readonly enabled?: HandlerEnabled | undefined;
}

export const enabledRule = rule(
  'true, false, or an object with a useFactory that returns one of them',
  (value) => typeof value === 'boolean' || (typeof value === 'object' && hasMethods(value, ['useFactory'])),
);
