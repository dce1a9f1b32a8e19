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

/** What `forRoot` takes. */
export type ForRootOptions = JetStreamModuleOptions & Partial<JetStreamModuleExtras>;

/** What `forRootAsync` takes. */
export type ForRootAsyncOptions = ConfigurableModuleAsyncOptions<
  JetStreamModuleOptions,
  typeof OPTIONS_METHOD
> &
  Partial<JetStreamModuleExtras>;

/**
 * Refuses options of `forRoot` that do not exist or cannot be right. They may come from a factory, which TypeScript does not
 * check for names that are too many.
 *
 * @returns the options as they were read
 * @throws {@link InvalidArgumentError}
 */
export function checkModuleOptions(options: JetStreamModuleOptions): JetStreamModuleOptions {
  return checkedOptions('JetStreamModule.forRoot', options, MODULE_OPTIONS);
}

/**
 * Reads what `forRoot` was given, inherited options included: Nest takes own ones only.
 *
 * @throws {@link InvalidArgumentError} for options that cannot be read, and a wrong name of the connection
 */
export function readForRoot(options: ForRootOptions): ForRootOptions {
  return openOptions('JetStreamModule.forRoot', options, FOR_ROOT_OPTIONS);
}

/**
 * Reads what `forRootAsync` was given, as {@link readForRoot} does.
 *
 * @throws {@link InvalidArgumentError} also if it says in no way how the options are made
 */
export function readForRootAsync(options: ForRootAsyncOptions): ForRootAsyncOptions {
  const whose = 'JetStreamModule.forRootAsync';
  const read = checkedOptions<ForRootAsyncOptions>(whose, options, FOR_ROOT_ASYNC_OPTIONS);
  const { useClass, useExisting, ...rest } = read;
  if (rest.useFactory) return rest;
  if (useExisting) return { ...rest, inject: [useExisting], useFactory: madeBy('useExisting') };
  if (!useClass) {
    throw new InvalidArgumentError(`options of ${whose}`, 'give useFactory, useClass or useExisting');
  }
  return {
    ...rest,
    inject: [useClass],
    useFactory: madeBy('useClass'),
    provideInjectionTokensFrom: [{ provide: useClass, useClass }, ...(rest.provideInjectionTokensFrom ?? [])],
  };
}

type OptionsFactory = InstanceType<NonNullable<ForRootAsyncOptions['useClass']>>;

/** Lets a provider make the options. Without its method Nest would fail with an error that names neither. */
function madeBy(option: 'useClass' | 'useExisting') {
  return (factory: OptionsFactory): ReturnType<OptionsFactory[typeof OPTIONS_METHOD]> => {
    if (!hasMethods(factory, [OPTIONS_METHOD])) {
      throw new InvalidArgumentError(
        option,
        `the provider has no method ${OPTIONS_METHOD}, which makes the options of JetStreamModule`,
      );
    }
    return factory[OPTIONS_METHOD]();
  };
}

/**
 * Refuses options of `forFeature` that do not exist or cannot be right, and declarations without a name.
 *
 * @returns the options as they were read
 * @throws {@link InvalidArgumentError}
 */
export function checkFeatureOptions(options: JetStreamFeatureOptions): JetStreamFeatureOptions {
  return checkedOptions('JetStreamModule.forFeature', options, FEATURE_OPTIONS);
}
