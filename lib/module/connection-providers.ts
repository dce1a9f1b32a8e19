import type { Provider } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { bytesCodec, jsonCodec, textCodec } from '../codecs/index.js';
import {
  Boot,
  type CallTable,
  deferred,
  isConnection,
  type JetStreamConnection,
  lazyConnection,
  mayNotConnect,
  openConnection,
  redirected,
  TEST_SHUTDOWN_TIMEOUT,
  type TestSettings,
  unconnected,
} from '../connection/index.js';
import {
  ApplicationShutdown,
  DEAD_LETTER_CALLS,
  DeadLetters,
  Handlers,
  JetStreamEvents,
} from '../consuming/index.js';
import { INSTANCES_CALLS, JetStreamInstances, type OwnService } from '../discovery/index.js';
import { InvalidArgumentError } from '../errors/index.js';
import { JetStreamInstruments } from '../instruments/index.js';
import { HandlerConnection, HandlerStages, JetStreamConnections, TEST_SETTINGS } from '../handlers/index.js';
import { JetStreamService } from '../jetstream/index.js';
import { KEY_VALUE_SERVICE_CALLS, KeyValueService } from '../key-value/index.js';
import { OBJECT_STORE_SERVICE_CALLS, ObjectStoreService } from '../object-store/index.js';
import { Requests } from '../requests/index.js';
import { ApplicationBoot } from './application-boot.js';
import { checkModuleOptions } from './check-options.js';
import { ConnectionLifecycle } from './connection-lifecycle.js';
import { checkConnection } from './declarations.js';
import type { JetStreamModuleOptions } from './jetstream-module-options.interface.js';
import { JETSTREAM_MODULE_OPTIONS } from './options-token.js';
import {
  getDeadLettersToken,
  getJetStreamInstancesToken,
  getJetStreamToken,
  getKeyValueServiceToken,
  getModuleOptionsToken,
  getNatsConnectionToken,
  getObjectStoreServiceToken,
} from './tokens.js';

const DEFAULT_SHUTDOWN_TIMEOUT = 10_000;
/** The providers of one named connection. */
export function connectionProviders(name: string): Provider[] {
  const connection = `JetStreamConnection:${name}`;
  const handlers = `HandlerConnection:${name}`;
  const checked = getModuleOptionsToken(name);
  const discovery = `ServiceDiscovery:${name}`;
  // A test may override the services that an application injects, but not those that this library uses itself.
  const [jetstream, keyValue, objectStore, deadLetters] = [
    `OwnJetStreamService:${name}`,
    `OwnKeyValueService:${name}`,
    `OwnObjectStoreService:${name}`,
    `OwnDeadLetters:${name}`,
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
      inject: [checked, ModulesContainer, JetStreamInstruments, TEST_SETTINGS],
      useFactory: (
        options: JetStreamModuleOptions,
        modules: ModulesContainer,
        instruments: JetStreamInstruments,
        testing: TestSettings | null,
      ) =>
        ApplicationBoot.of(modules).open(async (signal) => {
          for (const instrument of [...(options.instruments ?? []), ...(testing?.instruments ?? [])])
            instruments.register(instrument);
          checkConnection(modules, name, connection);
          const opened = await connectionOf(name, options, testing, signal);
          opened.instruments = instruments;
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
      inject: [jetstream, keyValue, objectStore, checked, ModulesContainer, TEST_SETTINGS],
      useFactory: (
        service: JetStreamService,
        buckets: KeyValueService,
        objects: ObjectStoreService,
        { handlers: { consumers = {}, autoStart, ...defaults } = {}, ...options }: JetStreamModuleOptions,
        modules: ModulesContainer,
        testing: TestSettings | null,
      ) =>
        new HandlerConnection(
          name,
          service,
          buckets,
          objects,
          [jsonCodec, textCodec, bytesCodec, ...(options.codecs ?? [])],
          defaults,
          consumers,
          // The account of a test is empty.
          testing === null ? (options.provisioning ?? 'ensure') : 'ensure',
          ApplicationShutdown.of(modules).budgetOfConnection(
            Math.min(
              options.shutdownTimeout ?? DEFAULT_SHUTDOWN_TIMEOUT,
              testing === null ? Infinity : TEST_SHUTDOWN_TIMEOUT,
            ),
          ),
          {
            isOnTestServer: testing !== null,
            autoStart,
            bootSummary: options.bootSummary,
            schedules: options.schedules,
          },
        ),
    },
    {
      provide: deadLetters,
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
    {
      provide: discovery,
      inject: [
        handlers,
        checked,
        Handlers,
        JetStreamEvents,
        JetStreamConnections,
        JetStreamInstruments,
        HandlerStages,
      ],
      useFactory: async (
        target: HandlerConnection,
        { discovery: service }: JetStreamModuleOptions,
        states: Handlers,
        events: JetStreamEvents,
        connections: JetStreamConnections,
        instruments: JetStreamInstruments,
        stages: HandlerStages,
      ): Promise<OwnService | null> => {
        if (service === undefined) return null;
        // Loaded only by applications that use it.
        const { ServiceDiscovery } = await import('../discovery/answering/index.js');
        const created = new ServiceDiscovery(target, { handlers: states, events, connections }, service);
        instruments.register(created);
        stages.add(created);
        return { ...created.identity, instrument: created };
      },
    },
    {
      provide: getJetStreamInstancesToken(name),
      inject: [jetstream, discovery],
      useFactory: (service: JetStreamService, own: OwnService | null) =>
        opens<JetStreamInstances>(INSTANCES_CALLS)(
          new JetStreamInstances(service, own ?? undefined),
          service.connection,
        ),
    },
    {
      provide: getJetStreamToken(name),
      inject: [handlers],
      useFactory: ({ injected }: HandlerConnection) => injected,
    },
    {
      provide: getKeyValueServiceToken(name),
      inject: [keyValue, connection],
      useFactory: opens<KeyValueService>(KEY_VALUE_SERVICE_CALLS),
    },
    {
      provide: getObjectStoreServiceToken(name),
      inject: [objectStore, connection],
      useFactory: opens<ObjectStoreService>(OBJECT_STORE_SERVICE_CALLS),
    },
    {
      provide: getDeadLettersToken(name),
      inject: [deadLetters, connection],
      useFactory: opens<DeadLetters>(DEAD_LETTER_CALLS),
    },
  ];
}

/** The service for injection: the calls of a connection with `connect: 'lazy'` open it. */
function opens<Service extends object>(calls: CallTable<Service>) {
  return (service: Service, connection: JetStreamConnection): Service =>
    connection.isLazy ? deferred(service, connection, calls).facade : service;
}

/** Opens the connection of the options, or that of a test kit. */
async function connectionOf(
  name: string,
  { connect, connection: source = {}, jetstream: how = {}, bootTimeout }: JetStreamModuleOptions,
  testing: TestSettings | null,
  signal: AbortSignal,
): Promise<JetStreamConnection> {
  // A test kit runs the application on a server.
  if (testing === null && (connect === false || mayNotConnect(name))) return unconnected(name, how);
  if (testing === null && connect === 'lazy') {
    if (!isConnection(source)) return lazyConnection(name, source, how, bootTimeout);
    throw new InvalidArgumentError(
      'connect',
      `connection "${name}" is a NatsConnection, which is open already, so it cannot be "lazy": remove the option, or pass the ` +
        'options of the connection',
    );
  }
  const opened =
    testing === null
      ? await openConnection(name, source, how, signal)
      : await openConnection(name, redirected(source, testing), { timeout: how.timeout }, signal);
  opened.timeScale = testing?.timeScale ?? 1;
  opened.boot = new Boot(opened, bootTimeout);
  return opened;
}

/** The tokens of a connection that other modules can inject. */
export function connectionExports(name: string): ReturnType<typeof getJetStreamToken>[] {
  return [
    getNatsConnectionToken(name),
    getJetStreamToken(name),
    getKeyValueServiceToken(name),
    getObjectStoreServiceToken(name),
    getDeadLettersToken(name),
    getJetStreamInstancesToken(name),
    `HandlerConnection:${name}`,
  ];
}
