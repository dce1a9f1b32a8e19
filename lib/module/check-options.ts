import type { ConfigurableModuleAsyncOptions } from '@nestjs/common';
import { InvalidArgumentError } from '../errors/index.js';
import { errorText } from '../reporting/index.js';
import { checkedOptions, hasMethods, type KnownOptions, openOptions, text } from '../validation/index.js';
import { OPTIONS_METHOD } from './options-token.js';
import type {
  JetStreamFeatureAsyncOptions,
  JetStreamFeatureOptions,
  JetStreamModuleExtras,
  JetStreamModuleOptions,
} from './jetstream-module-options.interface.js';
import {
  FEATURE_ASYNC_OPTIONS,
  FEATURE_OPTIONS,
  FOR_ROOT_ASYNC_OPTIONS,
  FOR_ROOT_OPTIONS,
  MODULE_OPTIONS,
} from './known-options.js';

/** The options of `forRoot`. */
export type ForRootOptions = JetStreamModuleOptions & Partial<JetStreamModuleExtras>;

/** The options of `forRootAsync`. */
export type ForRootAsyncOptions = ConfigurableModuleAsyncOptions<
  JetStreamModuleOptions,
  typeof OPTIONS_METHOD
> &
  Partial<JetStreamModuleExtras>;

/**
 * Rejects unknown or invalid options of `forRoot`. They may come from a factory, for which TypeScript does not check
 * excess properties.
 *
 * @returns the options as they were read
 * @throws {@link InvalidArgumentError}
 */
export function checkModuleOptions(options: JetStreamModuleOptions): JetStreamModuleOptions {
  return checkedOptions('JetStreamModule.forRoot', options, MODULE_OPTIONS);
}

/**
 * Reads the options of `forRoot`, including inherited ones: Nest reads only own properties.
 *
 * @throws {@link InvalidArgumentError} if options cannot be read, or the name of the connection is invalid
 */
export function readForRoot(options: ForRootOptions): ForRootOptions {
  return openOptions('JetStreamModule.forRoot', options, FOR_ROOT_OPTIONS);
}

/**
 * Reads the options of `forRootAsync`, as {@link readForRoot} does.
 *
 * @throws {@link InvalidArgumentError} also if they do not specify how to create the options
 */
export function readForRootAsync(options: ForRootAsyncOptions): ForRootAsyncOptions {
  const whose = 'JetStreamModule.forRootAsync';
  const read = checkedOptions<ForRootAsyncOptions>(whose, options, FOR_ROOT_ASYNC_OPTIONS);
  const { useClass, useExisting, ...rest } = read;
  if (rest.useFactory) return rest;
  if (useExisting) return { ...rest, inject: [useExisting], useFactory: madeBy('useExisting') };
  if (!useClass) {
    throw new InvalidArgumentError(`options of ${whose}`, 'set useFactory, useClass or useExisting');
  }
  return {
    ...rest,
    inject: [useClass],
    useFactory: madeBy('useClass'),
    provideInjectionTokensFrom: [{ provide: useClass, useClass }, ...(rest.provideInjectionTokensFrom ?? [])],
  };
}

type OptionsFactory = InstanceType<NonNullable<ForRootAsyncOptions['useClass']>>;

/**
 * Creates the options with a provider. If the provider lacks the method, Nest would fail with an error that names
 * neither.
 */
function madeBy(option: 'useClass' | 'useExisting') {
  return (factory: OptionsFactory): ReturnType<OptionsFactory[typeof OPTIONS_METHOD]> => {
    if (!hasMethods(factory, [OPTIONS_METHOD])) {
      throw new InvalidArgumentError(
        option,
        `the provider has no method ${OPTIONS_METHOD}, which must create the options of JetStreamModule`,
      );
    }
    return factory[OPTIONS_METHOD]();
  };
}

/**
 * Rejects unknown or invalid options of `forFeature`, and declarations without a name.
 *
 * @returns the options as they were read
 * @throws {@link InvalidArgumentError}
 */
export function readFeature(options: JetStreamFeatureOptions): JetStreamFeatureOptions {
  return checkedOptions('JetStreamModule.forFeature', options, FEATURE_OPTIONS);
}

/**
 * Rejects unknown or invalid options of `forFeatureAsync`, and two factories for one resource: Nest would call only the
 * last one.
 *
 * @returns the options as they were read
 * @throws {@link InvalidArgumentError}
 */
export function readFeatureAsync(given: JetStreamFeatureAsyncOptions): JetStreamFeatureAsyncOptions {
  const whose = 'JetStreamModule.forFeatureAsync';
  const options = checkedOptions<JetStreamFeatureAsyncOptions>(whose, given, FEATURE_ASYNC_OPTIONS);
  const { streams = [], keyValues = [], objectStores = [] } = options;
  const names = {
    streams: streams.map(({ name }) => name),
    keyValues: keyValues.map(({ bucket }) => bucket),
    objectStores: objectStores.map(({ bucket }) => bucket),
  };
  for (const [option, all] of Object.entries(names)) {
    const twice = all.find((name, i) => all.indexOf(name) !== i);
    if (twice !== undefined) {
      const problem = `"${twice}" has two factories; declare it once`;
      throw new InvalidArgumentError(option, `${problem} (options of ${whose})`);
    }
  }
  return options;
}

/** A resource whose declaration a factory creates. */
interface Created {
  /** The static name of the resource. */
  readonly name: string;
  /** The option with the name. */
  readonly key: 'name' | 'bucket';
  /** The other options. */
  readonly known: KnownOptions;
  /** The path of the factory, such as `streams[0].useFactory`. */
  readonly option: string;
  /** For example `Stream "ORDERS"`. */
  readonly title: string;
}

/**
 * Calls the factory of a declaration, and checks its result.
 *
 * @returns the declaration with its name
 * @throws {@link InvalidArgumentError} if the factory throws, or returns something else than a declaration of this
 * resource
 */
export async function declarationFrom<Declaration extends object>(
  create: () => unknown,
  { name, key, known, option, title }: Created,
): Promise<Declaration> {
  const whose = `${title}, created by ${option} of JetStreamModule.forFeatureAsync`;
  let created: unknown;
  try {
    created = await create();
  } catch (cause) {
    throw new InvalidArgumentError(`options of ${whose}`, `the factory failed: ${errorText(cause)}`, {
      cause,
    });
  }
  const read = checkedOptions<Declaration>(whose, created, { ...known, [key]: text });
  const { [key]: returned = name } = read as Readonly<Record<string, unknown>>;
  if (returned !== name) {
    throw new InvalidArgumentError(
      key,
      `the factory returned "${String(returned)}", but the injection token has the name "${name}"; ` +
        `omit ${key} from the result (options of ${whose})`,
    );
  }
  return { ...read, [key]: name };
}
