import type { FactoryProvider } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { InvalidArgumentError } from '../errors/index.js';
import type { HandlerConnection } from '../handlers/index.js';
import { provisionStream } from '../jetstream/index.js';
import { refuseUnknownOptions } from '../validation/index.js';
import { ApplicationBoot } from './application-boot.js';
import { checkDeclarations } from './declarations.js';
import type { JetStreamFeatureOptions } from './jetstream-module-options.interface.js';
import { FEATURE_OPTIONS } from './known-options.js';
import { provisionKeyValue, provisionObjectStore } from './provision-buckets.js';
import {
  DEFAULT_CONNECTION,
  getFeatureConnectionToken,
  getKeyValueToken,
  getObjectStoreToken,
  getStreamToken,
} from './tokens.js';

/**
 * The providers of what a feature declares. Each is created, or checked, while Nest resolves it, so that what injects it can
 * use it at once.
 *
 * @throws {@link InvalidArgumentError} for options that do not exist, and declarations without a name
 */
export function featureProviders(options: JetStreamFeatureOptions): FactoryProvider[] {
  refuseUnknownOptions('JetStreamModule.forFeature', options, FEATURE_OPTIONS);
  const { streams = [], keyValues = [], objectStores = [], connection = DEFAULT_CONNECTION } = options;
  const declare = <T>(
    token: FactoryProvider['provide'],
    provision: (connection: HandlerConnection) => Promise<T>,
  ): FactoryProvider<T> => ({
    provide: token,
    inject: [getFeatureConnectionToken(connection), ModulesContainer],
    useFactory: (target: HandlerConnection, modules: ModulesContainer) =>
      ApplicationBoot.of(modules).step(() => {
        checkDeclarations(modules);
        return provision(target);
      }),
  });
  return [
    ...streams.map((config) =>
      declare(getStreamToken(named('streams', config.name), connection), ({ jetstream, provisioning }) =>
        provisionStream(jetstream, config, provisioning),
      ),
    ),
    ...keyValues.map((config) =>
      declare(getKeyValueToken(named('keyValues', config.bucket), connection), ({ keyValue, provisioning }) =>
        provisionKeyValue(keyValue, config, provisioning),
      ),
    ),
    ...objectStores.map((config) =>
      declare(
        getObjectStoreToken(named('objectStores', config.bucket), connection),
        ({ objectStore, provisioning }) => provisionObjectStore(objectStore, config, provisioning),
      ),
    ),
  ];
}

function named(option: string, name: unknown): string {
  if (typeof name === 'string' && name !== '') return name;
  throw new InvalidArgumentError(`forFeature ${option}`, 'each needs a name');
}
