import type { ModuleRef } from '@nestjs/core';
import type { JsConsumerOptions, MadeOptions, ResolvedOptions } from '../decorators/index.js';
import type { HandlerConnection } from '../handler-connection.js';
import { given } from '../../validation/index.js';

/** Makes the options of handlers that are decided at bootstrap. */
export class OptionsResolver {
  constructor(
    private readonly moduleRef: ModuleRef,
    private readonly connections: ReadonlyMap<string, HandlerConnection>,
  ) {}

  /** @throws Error where a name or an injection token leads nowhere, or the function throws */
  async resolve(options: JsConsumerOptions | ResolvedOptions<JsConsumerOptions>): Promise<JsConsumerOptions> {
    if (typeof options === 'string') return this.named(options);
    return 'useFactory' in options ? this.make(options) : options;
  }

  /** @throws Error where an injection token leads nowhere, or the function throws */
  async make<Options>({ inject = [], useFactory }: MadeOptions<Options>): Promise<Options> {
    const injected = inject.map((token): unknown => this.moduleRef.get(token, { strict: false }));
    return useFactory(...(injected as never[]));
  }

  private named(name: string): JsConsumerOptions {
    for (const [connection, { consumers }] of this.connections) {
      if (Object.hasOwn(consumers, name)) return { connection, ...given(consumers[name]) };
    }
    throw new Error(`there are no options "${name}" among handlers.consumers of JetStreamModule.forRoot`);
  }
}
