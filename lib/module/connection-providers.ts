import type { Provider } from '@nestjs/common';
import { bytesCodec, jsonCodec, textCodec } from '../codecs/index.js';
import { openConnection, type JetStreamConnection } from '../connection/index.js';
import { DeadLetters, HandlerConnection } from '../handlers/index.js';
import { JetStreamService } from '../jetstream/index.js';
import { KeyValueService } from '../key-value/index.js';
import { ObjectStoreService } from '../object-store/index.js';
import { Requests } from '../requests/index.js';
import { ConnectionLifecycle } from './connection-lifecycle.js';
import type { JetStreamModuleOptions } from './jetstream-module-options.interface.js';
import { JETSTREAM_MODULE_OPTIONS } from './options-token.js';
import {
  getDeadLettersToken,
  getJetStreamToken,
  getKeyValueServiceToken,
  getNatsConnectionToken,
  getObjectStoreServiceToken,
} from './tokens.js';

const DEFAULT_SHUTDOWN_TIMEOUT = 10_000;

/** Everything that one named connection provides. */
export function connectionProviders(name: string): Provider[] {
  const connection = `JetStreamConnection:${name}`;
  const handlers = `HandlerConnection:${name}`;
  const [jetstream, keyValue, objectStore] = [
    getJetStreamToken(name),
    getKeyValueServiceToken(name),
    getObjectStoreServiceToken(name),
  ];
  return [
    {
      provide: connection,
      inject: [JETSTREAM_MODULE_OPTIONS],
      useFactory: (options: JetStreamModuleOptions) =>
        openConnection(name, options.connection ?? {}, options.jetstream ?? {}),
    },
    {
      provide: getNatsConnectionToken(name),
      inject: [connection],
      useFactory: ({ nc }: JetStreamConnection) => nc,
    },
    {
      provide: jetstream,
      inject: [connection, JETSTREAM_MODULE_OPTIONS],
      useFactory: (opened: JetStreamConnection, options: JetStreamModuleOptions) =>
        new JetStreamService(opened, new Requests(opened), {
          codec: options.codec ?? jsonCodec,
          publish: options.publish ?? {},
        }),
    },
    {
      provide: keyValue,
      inject: [jetstream],
      useFactory: (service: JetStreamService) => new KeyValueService(service),
    },
    {
      provide: objectStore,
      inject: [jetstream],
      useFactory: (service: JetStreamService) => new ObjectStoreService(service),
    },
    {
      provide: handlers,
      inject: [jetstream, keyValue, objectStore, JETSTREAM_MODULE_OPTIONS],
      useFactory: (
        service: JetStreamService,
        buckets: KeyValueService,
        objects: ObjectStoreService,
        { handlers: { consumers = {}, ...defaults } = {}, ...options }: JetStreamModuleOptions,
      ) =>
        new HandlerConnection(
          name,
          service,
          buckets,
          objects,
          [jsonCodec, textCodec, bytesCodec, ...(options.codecs ?? [])],
          defaults,
          consumers,
          options.provisioning ?? 'ensure',
          options.shutdownTimeout ?? DEFAULT_SHUTDOWN_TIMEOUT,
        ),
    },
    {
      provide: getDeadLettersToken(name),
      inject: [handlers],
      useFactory: ({ jetstream: service, localHandlers }: HandlerConnection) =>
        new DeadLetters(service, localHandlers),
    },
    {
      provide: `ConnectionLifecycle:${name}`,
      inject: [jetstream, JETSTREAM_MODULE_OPTIONS],
      useFactory: (service: JetStreamService, options: JetStreamModuleOptions) =>
        new ConnectionLifecycle(service, options.shutdownTimeout ?? DEFAULT_SHUTDOWN_TIMEOUT),
    },
  ];
}

/** The tokens of a connection that other modules may inject. */
export function connectionExports(name: string): ReturnType<typeof getJetStreamToken>[] {
  return [
    getNatsConnectionToken(name),
    getJetStreamToken(name),
    getKeyValueServiceToken(name),
    getObjectStoreServiceToken(name),
    getDeadLettersToken(name),
    `HandlerConnection:${name}`,
  ];
}
