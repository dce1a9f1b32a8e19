import type { InjectionToken } from '@nestjs/common';

/** Options that are made at bootstrap, by a function of what is injected. */
export interface MadeOptions<Options> {
  /** What the function gets, from anywhere in the application. */
  readonly inject?: readonly InjectionToken[] | undefined;
  readonly useFactory: (...injected: never[]) => Options | Promise<Options>;
}

/** Options that are made at bootstrap, or looked up by a name in the module's options. */
export type ResolvedOptions<Options> = string | MadeOptions<Options>;

/** Options that are made from other ones. */
export function changedOptions<From, To>(
  { inject, useFactory }: MadeOptions<From>,
  change: (options: From) => To,
): MadeOptions<To> {
  return { inject, useFactory: async (...injected) => change(await useFactory(...injected)) };
}
