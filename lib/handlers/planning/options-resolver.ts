import type { InjectionToken } from '@nestjs/common';
import { CONSUMER_OPTIONS, type HandlerEnabled, type JsConsumerOptions } from '../../consuming/index.js';
import { shown } from '../../reporting/index.js';
import { type KnownOptions, type OptionsRead, readOptions } from '../../validation/index.js';
import type { HandlerConnection } from '../handler-connection.js';
import type { DeclaredConsumerOptions } from '../decorators/index.js';
import {
  FACTORY_OPTIONS,
  type FactoryOptions,
  MESSAGE_CONSUMER_OPTIONS,
  type MessageConsumerOptions,
} from '../options/index.js';

/** Finds providers of the whole application. */
export interface Providers {
  get(token: InjectionToken, options: { readonly strict: false }): unknown;
}

/** Resolves the options of handlers, and runs the factories of options at bootstrap. */
export class OptionsResolver {
  constructor(
    private readonly providers: Providers,
    private readonly connections: ReadonlyMap<string, HandlerConnection>,
  ) {}

  /**
   * @param isTyped whether stream, filters and schema follow from the contracts of messages
   * @throws Error if a name or an injection token is unknown, or a function or accessor throws
   */
  async resolve(
    options: DeclaredConsumerOptions,
    isTyped: boolean,
  ): Promise<OptionsRead<JsConsumerOptions | MessageConsumerOptions>> {
    const known = isTyped ? MESSAGE_CONSUMER_OPTIONS : CONSUMER_OPTIONS;
    if (typeof options === 'string') return readOptions(this.named(options), known);
    if (!hasFactory(options)) return readOptions(options, known);
    return this.make<JsConsumerOptions | MessageConsumerOptions>(options, known);
  }

  /** @throws Error if an injection token is unknown, or the function throws */
  async make<Options extends object>(
    made: FactoryOptions<Options>,
    known: KnownOptions,
  ): Promise<OptionsRead<Options>> {
    const { options, problems } = readOptions<FactoryOptions<Options>>(made, FACTORY_OPTIONS);
    if (problems.length > 0) throw new Error(problems.map(({ sentence }) => sentence).join('; '));
    const { inject, useFactory } = options;
    const created = await useFactory(...(this.injected(inject) as never[]));
    return readOptions(created, known, 'the return value of useFactory');
  }

  /** @throws Error if an injection token is unknown, the factory throws, or it returns anything but a boolean */
  async enabled(given: HandlerEnabled): Promise<boolean> {
    if (typeof given === 'boolean') return given;
    const { options, problems } = readOptions<Exclude<HandlerEnabled, boolean>>(given, FACTORY_OPTIONS);
    if (problems.length > 0) throw new Error(problems.map(({ sentence }) => sentence).join('; '));
    const enabled: unknown = await options.useFactory(...(this.injected(options.inject) as never[]));
    if (typeof enabled === 'boolean') return enabled;
    throw new Error(`its useFactory must return true or false, but returned ${shown(enabled)}`);
  }

  private injected(inject: readonly InjectionToken[] = []): readonly unknown[] {
    return inject.map((token): unknown => this.providers.get(token, { strict: false }));
  }

  private named(name: string): JsConsumerOptions {
    for (const [connection, { consumers }] of this.connections) {
      if (Object.hasOwn(consumers, name)) return { connection, ...consumers[name] };
    }
    throw new Error(
      `handlers.consumers of JetStreamModule.forRoot has no options "${name}"; add them, or correct the name`,
    );
  }
}

function hasFactory(
  options: Exclude<DeclaredConsumerOptions, string>,
): options is FactoryOptions<JsConsumerOptions> | FactoryOptions<MessageConsumerOptions> {
  // Callers without types may pass anything.
  const given: unknown = options;
  return typeof given === 'object' && given !== null && 'useFactory' in given;
}
