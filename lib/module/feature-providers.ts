import type { Provider } from '@nestjs/common';
import { InvalidArgumentError } from '../errors/index.js';
import type { HandlerConnection } from '../handlers/index.js';
import { provisionStream, type JetStreamService } from '../jetstream/index.js';
import type { KeyValueService } from '../key-value/index.js';
import type { ObjectStoreService } from '../object-store/index.js';
import type { JetStreamFeatureOptions } from './jetstream-module-options.interface.js';
import { provisionKeyValue, provisionObjectStore } from './provision-buckets.js';
import {
  DEFAULT_CONNECTION,
  getJetStreamToken,
  getKeyValueServiceToken,
  getKeyValueToken,
  getObjectStoreServiceToken,
  getObjectStoreToken,
  getStreamToken,
} from './tokens.js';

/**
 * The providers of what a feature declares. Each is made, or checked, while Nest resolves it: whoever injects it can
 * use it at once.
 */
export function featureProviders(options: JetStreamFeatureOptions): Provider[] {
  const { streams = [], keyValues = [], objectStores = [], connection = DEFAULT_CONNECTION } = options;
  const handlers = `HandlerConnection:${connection}`;
  return [
    ...streams.map((config): Provider => ({
      provide: getStreamToken(named('streams', config.name), connection),
      inject: [getJetStreamToken(connection), handlers],
      useFactory: (service: JetStreamService, { provisioning }: HandlerConnection) =>
        provisionStream(service, config, provisioning),
    })),
    ...keyValues.map((config): Provider => ({
      provide: getKeyValueToken(named('keyValues', config.bucket), connection),
      inject: [getKeyValueServiceToken(connection), handlers],
      useFactory: (service: KeyValueService, { provisioning }: HandlerConnection) =>
        provisionKeyValue(service, config, provisioning),
    })),
    ...objectStores.map((config): Provider => ({
      provide: getObjectStoreToken(named('objectStores', config.bucket), connection),
      inject: [getObjectStoreServiceToken(connection), handlers],
      useFactory: (service: ObjectStoreService, { provisioning }: HandlerConnection) =>
        provisionObjectStore(service, config, provisioning),
    })),
  ];
}

function named(option: string, name: unknown): string {
  if (typeof name === 'string' && name !== '') return name;
  throw new InvalidArgumentError(`forFeature ${option}`, 'each needs a name');
}
