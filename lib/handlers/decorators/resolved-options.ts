import type { InjectionToken } from '@nestjs/common';

/** Options that are made at bootstrap: by a function of what is injected, or looked up by a name in the module's options. */
export type ResolvedOptions<Options> =
  | string
  | {
      /** What the function gets, from anywhere in the application. */
      readonly inject?: readonly InjectionToken[];
      readonly useFactory: (...injected: never[]) => Options | Promise<Options>;
    };
