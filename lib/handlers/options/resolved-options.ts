import type { InjectionToken } from '@nestjs/common';

/** Options that a factory creates at bootstrap from injected providers. */
export interface FactoryOptions<Options> {
  /** The providers to pass to the factory, from anywhere in the application. */
  readonly inject?: readonly InjectionToken[] | undefined;
  readonly useFactory: (...injected: never[]) => Options | Promise<Options>;
}

/** Options that a factory creates at bootstrap, or the name of options in the module's options. */
export type ResolvedOptions<Options> = string | FactoryOptions<Options>;

/**
 * Whether options are created by a factory at bootstrap. Callers without types may pass anything in place of a name.
 */
export function isMade<Options>(given: string | FactoryOptions<Options>): given is FactoryOptions<Options> {
  return typeof given === 'object' && (given as object | null) !== null;
}
