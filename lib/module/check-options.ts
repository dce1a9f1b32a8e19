import type { ConfigurableModuleAsyncOptions } from '@nestjs/common';
import { InvalidArgumentError } from '../errors/index.js';
import { checkedOptions, hasMethods, openOptions } from '../validation/index.js';
import { OPTIONS_METHOD } from './options-token.js';
import type {
  JetStreamFeatureOptions,
  JetStreamModuleExtras,
  JetStreamModuleOptions,
} from './jetstream-module-options.interface.js';
import {
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
export function checkFeatureOptions(options: JetStreamFeatureOptions): JetStreamFeatureOptions {
  return checkedOptions('JetStreamModule.forFeature', options, FEATURE_OPTIONS);
}
