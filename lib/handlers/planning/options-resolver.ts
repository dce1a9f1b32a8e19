import type { ModuleRef } from '@nestjs/core';
import { CONSUMER_OPTIONS, type JsConsumerOptions } from '../../consuming/index.js';
import { type KnownOptions, type OptionsRead, readOptions } from '../../validation/index.js';
import type { HandlerConnection } from '../handler-connection.js';
import { FACTORY_OPTIONS, type FactoryOptions, type ResolvedOptions } from '../options/index.js';

/** Resolves the options of handlers, and runs the factories of options at bootstrap. */
export class OptionsResolver {
  constructor(
    private readonly moduleRef: ModuleRef,
    private readonly connections: ReadonlyMap<string, HandlerConnection>,
  ) {}

  /** @throws Error if a name or an injection token is unknown, or a function or accessor throws */
  async resolve(
    options: JsConsumerOptions | ResolvedOptions<JsConsumerOptions>,
  ): Promise<OptionsRead<JsConsumerOptions>> {
    if (typeof options === 'string') return readOptions(this.named(options), CONSUMER_OPTIONS);
    if (!hasFactory(options)) return readOptions(options, CONSUMER_OPTIONS);
    return this.make(options, CONSUMER_OPTIONS);
  }

  /** @throws Error if an injection token is unknown, or the function throws */
  async make<Options extends object>(
    made: FactoryOptions<Options>,
    known: KnownOptions,
  ): Promise<OptionsRead<Options>> {
    const { options, problems } = readOptions<FactoryOptions<Options>>(made, FACTORY_OPTIONS);
    if (problems.length > 0) throw new Error(problems.map(({ sentence }) => sentence).join('; '));
    const { inject = [], useFactory } = options;
    const injected = inject.map((token): unknown => this.moduleRef.get(token, { strict: false }));
    return readOptions(await useFactory(...(injected as never[])), known, 'the return value of useFactory');
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
  options: JsConsumerOptions | FactoryOptions<JsConsumerOptions>,
): options is FactoryOptions<JsConsumerOptions> {
  // Callers without types may pass anything.
  const given: unknown = options;
  return typeof given === 'object' && given !== null && 'useFactory' in given;
}
