import type {
  CanActivate,
  InjectionToken,
  ModuleMetadata,
  OptionalFactoryDependency,
  Type,
} from '@nestjs/common';
import { guardList, plainPath } from '../../pages/index.js';
import { type AllOptionsOf, filledText, flag, functionRule, list, required } from '../../validation/index.js';
import { PAYLOAD_OPTIONS, type PayloadOptions } from '../data/index.js';
import type { BoardAccessRule } from '../http/index.js';

/** Options of {@link JetStreamBoardModule.forRoot}. */
export interface BoardOptions {
  /**
   * Decides about each action of a caller: `read`, `download`, and those that change something. It is called in addition to
   * the guards, for each request, when the page asks which actions to show, and every 2 s for each page that is open.
   * Default: what the options allow.
   */
  readonly access?: BoardAccessRule | undefined;
  /** How payloads are shown. Default: their first 10,000 bytes, unmasked. */
  readonly payloads?: PayloadOptions | undefined;
  /** Whether all actions that change something are refused. Default `true`. */
  readonly readOnly?: boolean | undefined;
  /** Whether every caller may use the board; needed outside of development without `guards` and `access`. */
  readonly public?: boolean | undefined;
  /** The title of the page. Default `JetStream board`. */
  readonly title?: string | undefined;
}

/** Options that have to be known before the application is created. */
export interface BoardExtras {
  /** The path of the board: letters, digits, `/`, `_`, `-`, `.` and `~`. Default `board`. */
  readonly path?: string | undefined;
  /** The guards of all routes of the board. */
  readonly guards?: readonly (Type<CanActivate> | CanActivate)[] | undefined;
  /** The modules whose providers the guards, and the factory of `forRootAsync`, inject. */
  readonly imports?: ModuleMetadata['imports'] | undefined;
}

/** Options of {@link JetStreamBoardModule.forRootAsync}. */
export interface BoardAsyncOptions extends BoardExtras {
  /** The providers to pass to the factory. */
  readonly inject?: readonly (InjectionToken | OptionalFactoryDependency)[] | undefined;
  /** Creates the options when the application starts. */
  readonly useFactory: (...injected: never[]) => BoardOptions | Promise<BoardOptions>;
}

const EXTRAS = {
  path: plainPath,
  guards: guardList,
  imports: list('a list of modules'),
} satisfies AllOptionsOf<BoardExtras>;

/** The options that a factory returns. */
export const BOARD_OPTIONS = {
  access: functionRule('a function that returns whether an action is allowed'),
  payloads: PAYLOAD_OPTIONS,
  readOnly: flag,
  public: flag,
  title: filledText,
} satisfies AllOptionsOf<BoardOptions>;

/** The options of `forRoot`. */
export const FOR_ROOT_OPTIONS = { ...BOARD_OPTIONS, ...EXTRAS };

/** The options of `forRootAsync`. */
export const FOR_ROOT_ASYNC_OPTIONS = {
  ...EXTRAS,
  inject: list('a list of injection tokens'),
  useFactory: required(functionRule('a function that returns the options')),
} satisfies AllOptionsOf<BoardAsyncOptions>;
