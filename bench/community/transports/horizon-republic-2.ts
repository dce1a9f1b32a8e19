import { existsSync } from 'node:fs';
import type { DynamicModule } from '@nestjs/common';
import type { MicroserviceOptions } from '@nestjs/microservices';
import type { Transport } from '../transport.js';
import { connect, serve } from './application.js';
import { controllerOf } from './controller.js';

/**
 * Version 2 of `@horizon-republic/nestjs-jetstream`, where it is installed under the name `horizon-republic-2`; see the
 * README. With `max_ack_pending` of 500 instead of 100, as its performance guide recommends.
 */
export async function horizonRepublic2(): Promise<Transport | undefined> {
  if (!existsSync(new URL(`../../node_modules/${PACKAGE}`, import.meta.url))) return undefined;
  const { getClientToken, JetstreamModule, JetstreamStrategy } = (await import(PACKAGE)) as Package;
  return {
    name: '@horizon-republic/nestjs-jetstream 2',
    suites: ['emit', 'events', 'requests'],
    stream: 'shop__microservice_ev-stream',
    serve: (url, storage, handlers) =>
      serve(
        {
          imports: [
            JetstreamModule.forRoot({
              name: 'shop',
              servers: [url],
              events: { stream: { storage }, consumer: { max_ack_pending: 500 } },
            }),
          ],
          controllers: [controllerOf(handlers)],
        },
        (app) => ({ strategy: app.get(JetstreamStrategy) }) as MicroserviceOptions,
      ),
    connect: (url) =>
      connect(
        [
          JetstreamModule.forRoot({ name: 'shop', servers: [url], consumer: false }),
          JetstreamModule.forFeature({ name: 'shop' }),
        ],
        getClientToken('shop'),
      ),
  };
}

/** Not a literal, so that the compiler does not resolve the module. */
const PACKAGE: string = 'horizon-republic-2';

interface Package {
  readonly getClientToken: (name: string) => string;
  readonly JetstreamStrategy: symbol;
  readonly JetstreamModule: {
    forRoot(options: object): DynamicModule;
    forFeature(options: object): DynamicModule;
  };
}
