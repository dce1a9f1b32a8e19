import type { Provider } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { bytesCodec, jsonCodec, textCodec } from '../codecs/index.js';
import { Boot, type JetStreamConnection, openConnection } from '../connection/index.js';
import { ApplicationShutdown, DeadLetters } from '../consuming/index.js';
import { JetStreamInstruments } from '../instruments/index.js';
import { HandlerConnection } from '../handlers/index.js';
import { JetStreamService } from '../jetstream/index.js';
import { KeyValueService } from '../key-value/index.js';
import { ObjectStoreService } from '../object-store/index.js';
import { Requests } from '../requests/index.js';
import { ApplicationBoot } from './application-boot.js';
import { checkModuleOptions } from './check-options.js';
import { ConnectionLifecycle } from './connection-lifecycle.js';
import { checkConnection } from './declarations.js';
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

/** The providers of one named connection. */
export function connectionProviders(name: string): Provider[] {
  const connection = `JetStreamConnection:${name}`;
  const handlers = `HandlerConnection:${name}`;
  const checked = `JetStreamModuleOptions:${name}`;
  const [jetstream, keyValue, objectStore] = [
    getJetStreamToken(name),
    getKeyValueServiceToken(name),
    getObjectStoreServiceToken(name),
  ];
  return [
    {
      provide: checked,
      inject: [JETSTREAM_MODULE_OPTIONS, ModulesContainer],
      useFactory: (options: JetStreamModuleOptions, modules: ModulesContainer) =>
        ApplicationBoot.of(modules).step(() => checkModuleOptions(options)),
    },
    {
      provide: connection,
      inject: [checked, ModulesContainer, JetStreamInstruments],
      useFactory: (
        options: JetStreamModuleOptions,
        modules: ModulesContainer,
        instruments: JetStreamInstruments,
      ) =>
        ApplicationBoot.of(modules).open(async (signal) => {
          for (const instrument of options.instruments ?? []) instruments.register(instrument);
          checkConnection(modules, name, connection);
          const { connection: source = {}, jetstream: how = {}, bootTimeout } = options;
          const opened = await openConnection(name, source, how, signal);
          opened.instruments = instruments;
          opened.boot = new Boot(opened, bootTimeout);
          return opened;
        }),
    },
    {
      provide: getNatsConnectionToken(name),
      inject: [connection],
      useFactory: ({ nc }: JetStreamConnection) => nc,
    },
    {
      provide: jetstream,
      inject: [connection, checked, ModulesContainer],
      useFactory: (opened: JetStreamConnection, options: JetStreamModuleOptions, modules: ModulesContainer) =>
        ApplicationBoot.of(modules).step(
          () =>
            new JetStreamService(opened, new Requests(opened), {
              codec: options.codec ?? jsonCodec,
              publish: options.publish ?? {},
            }),
        ),
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
      inject: [jetstream, keyValue, objectStore, checked, ModulesContainer],
      useFactory: (
        service: JetStreamService,
        buckets: KeyValueService,
        objects: ObjectStoreService,
        { handlers: { consumers = {}, ...defaults } = {}, ...options }: JetStreamModuleOptions,
        modules: ModulesContainer,
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
          ApplicationShutdown.of(modules).budgetOfConnection(
            options.shutdownTimeout ?? DEFAULT_SHUTDOWN_TIMEOUT,
          ),
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
      inject: [handlers, ModulesContainer],
      useFactory: (target: HandlerConnection, modules: ModulesContainer) =>
        new ConnectionLifecycle(target, ApplicationBoot.of(modules)),
    },
  ];
}

/** The tokens of a connection that other modules can inject. */
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
