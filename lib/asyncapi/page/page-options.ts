import type {
  CanActivate,
  InjectionToken,
  ModuleMetadata,
  OptionalFactoryDependency,
  Type,
} from '@nestjs/common';
import { guardList, plainPath } from '../../pages/index.js';
import { type AllOptionsOf, flag, functionRule, list, required } from '../../validation/index.js';
import { ASYNC_API_OPTIONS, type AsyncApiOptions } from '../document/index.js';
import { type AsyncApiAccessRule, type AsyncApiTryItOptions, TRY_IT_OPTIONS } from '../try-it/index.js';

/** Options of {@link JetStreamAsyncApiModule.forRoot}: those of the document, and those of the page. */
export interface AsyncApiPageOptions extends AsyncApiOptions {
  /**
   * Decides about each action of a caller: `read`, and those of `tryIt`. It is called in addition to the guards, also
   * when the page asks which actions to show. Default: what the options allow.
   */
  readonly access?: AsyncApiAccessRule | undefined;
  /** Whether every caller may see the page; needed outside of development without `guards` and `access`. */
  readonly public?: boolean | undefined;
  /** The actions of the page besides showing the document. Default: none. */
  readonly tryIt?: AsyncApiTryItOptions | undefined;
}

/** Options that have to be known before the application is created. */
export interface AsyncApiPageExtras {
  /** The path of the page: letters, digits, `/`, `_`, `-`, `.` and `~`. Default `asyncapi`. */
  readonly path?: string | undefined;
  /** The guards of all routes of the page. */
  readonly guards?: readonly (Type<CanActivate> | CanActivate)[] | undefined;
  /** The modules whose providers the guards, and the factory of `forRootAsync`, inject. */
  readonly imports?: ModuleMetadata['imports'] | undefined;
}

/** Options of {@link JetStreamAsyncApiModule.forRootAsync}. */
export interface AsyncApiPageAsyncOptions extends AsyncApiPageExtras {
  /** The providers to pass to the factory. */
  readonly inject?: readonly (InjectionToken | OptionalFactoryDependency)[] | undefined;
  /** Creates the options when the application starts. */
  readonly useFactory: (...injected: never[]) => AsyncApiPageOptions | Promise<AsyncApiPageOptions>;
}

const EXTRAS = {
  path: plainPath,
  guards: guardList,
  imports: list('a list of modules'),
} satisfies AllOptionsOf<AsyncApiPageExtras>;

/** The options of the page. */
export const PAGE_OPTIONS = {
  ...ASYNC_API_OPTIONS,
  access: functionRule('a function that returns whether an action is allowed'),
  public: flag,
  tryIt: TRY_IT_OPTIONS,
} satisfies AllOptionsOf<AsyncApiPageOptions>;

/** The options of `forRoot`. */
export const FOR_ROOT_OPTIONS = { ...PAGE_OPTIONS, ...EXTRAS };

/** The options of `forRootAsync`. */
export const FOR_ROOT_ASYNC_OPTIONS = {
  ...EXTRAS,
  inject: list('a list of injection tokens'),
  useFactory: required(functionRule('a function that returns the options')),
} satisfies AllOptionsOf<AsyncApiPageAsyncOptions>;
