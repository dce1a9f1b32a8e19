import type { FactoryProvider } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import type { HandlerConnection } from '../handlers/index.js';
import { provisionStream, type DeclaredResource } from '../jetstream/index.js';
import { ApplicationBoot } from './application-boot.js';
import { checkDeclarations } from './declarations.js';
import type { JetStreamFeatureOptions } from './jetstream-module-options.interface.js';
import { provisionKeyValue, provisionObjectStore } from './provision-buckets.js';
import {
  DEFAULT_CONNECTION,
  getFeatureConnectionToken,
  getKeyValueToken,
  getObjectStoreToken,
  getStreamToken,
} from './tokens.js';

/**
 * The providers of a feature's resources. Each resource is created, or checked, while Nest resolves its provider, so
 * that it is ready for injection.
 *
 * @param options as {@link checkFeatureOptions} returned them
 */
export function featureProviders(options: JetStreamFeatureOptions): FactoryProvider[] {
  const { streams = [], keyValues = [], objectStores = [], connection = DEFAULT_CONNECTION } = options;
  const declare = <T>(
    token: FactoryProvider['provide'],
    resource: Omit<DeclaredResource, 'create'>,
    provision: (connection: HandlerConnection) => Promise<T>,
  ): FactoryProvider<T> => ({
    provide: token,
    inject: [getFeatureConnectionToken(connection), ModulesContainer],
    useFactory: (target: HandlerConnection, modules: ModulesContainer) =>
      ApplicationBoot.of(modules).step(async () => {
        checkDeclarations(modules);
        const found = await provision(target);
        if (target.provisioning === 'ensure')
          target.declared.add({ ...resource, create: () => provision(target) });
        return found;
      }),
  });
  return [
    ...streams.map((config) => {
      const { name } = config;
      const resource = { kind: 'stream', name, stream: name, recreate: config.recreate ?? false } as const;
      return declare(getStreamToken(name, connection), resource, ({ jetstream, provisioning }) =>
        provisionStream(jetstream, config, provisioning),
      );
    }),
    ...keyValues.map((config) => {
      const { bucket: name } = config;
      const { recreate = false } = config;
      const resource = { kind: 'key-value', name, stream: `KV_${name}`, recreate } as const;
      return declare(getKeyValueToken(name, connection), resource, ({ keyValue, provisioning }) =>
        provisionKeyValue(keyValue, config, provisioning),
      );
    }),
    ...objectStores.map((config) => {
      const { bucket: name } = config;
      const { recreate = false } = config;
      const resource = { kind: 'object-store', name, stream: `OBJ_${name}`, recreate } as const;
      return declare(getObjectStoreToken(name, connection), resource, ({ objectStore, provisioning }) =>
        provisionObjectStore(objectStore, config, provisioning),
      );
    }),
  ];
}
