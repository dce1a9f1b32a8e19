import type { InjectionToken } from '@nestjs/common';

/** Options that are made at bootstrap, by a function of what is injected. */
export interface MadeOptions<Options> {
  /** What the function gets, from anywhere in the application. */
  readonly inject?: readonly InjectionToken[] | undefined;
  readonly useFactory: (...injected: never[]) => Options | Promise<Options>;
}

/** Options that are made at bootstrap, or looked up by a name in the module's options. */
export type ResolvedOptions<Options> = string | MadeOptions<Options>;

/** Whether options are made at bootstrap. Callers without types may give anything in place of a name. */
export function isMade<Options>(given: string | MadeOptions<Options>): given is MadeOptions<Options> {
  return typeof given === 'object' && (given as object | null) !== null;
}
