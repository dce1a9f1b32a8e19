import type { InjectionToken, ModuleMetadata, OptionalFactoryDependency } from '@nestjs/common';
import type { Codec } from '../codecs/index.js';
import type { ConnectionSource, JetStreamOptions } from '../connection/index.js';
import type { HandlerDefaults, JsConsumerOptions } from '../consuming/index.js';
import type { MessageContract } from '../contracts/index.js';
import type { DiscoveryOptions } from '../discovery/index.js';
import type { JetStreamInstrument } from '../instruments/index.js';
import type { Provisioning, PublishDefaults, StreamDeclaration } from '../jetstream/index.js';
import type { KeyValueConfig } from '../key-value/index.js';
import type { ObjectStoreConfig } from '../object-store/index.js';
import type { ScheduleDefaults } from '../schedules/index.js';

/** Options of `JetStreamModule.forRoot`. Durations are in milliseconds. */
export interface JetStreamModuleOptions {
  /**
   * The options of `@nats-io/transport-node`'s `connect`, unchanged (servers, authentication, TLS, …), or a
   * `NatsConnection` that the application owns and closes itself. Default: a server at 127.0.0.1:4222.
   *
   * Two defaults differ from the client's: if there is no server, the startup waits and keeps trying
   * (`waitOnFirstConnect: false` fails at once), and reconnecting never gives up (`maxReconnectAttempts: -1`).
   */
  readonly connection?: ConnectionSource | undefined;
  /**
   * Whether to connect. With `false`, the application starts without a server, for example in a unit test or to write
   * documents: everything can be injected, and each call that needs a server fails with `NotConnectedError`. Nothing is
   * created on a server and no handler starts; options are checked as usual.
   *
   * With `'lazy'`, the application starts without a server, and the first call that needs the connection opens it. Such a
   * call waits within its own `timeout` (default: `jetstream.timeout`) and `signal`. Calls at the same time share one
   * attempt; if it fails, they reject with {@link ConnectionFailedError}, and the next call tries again. Declared streams and
   * buckets are created before the first call continues. Handlers do not start with the application: {@link Handlers.start}
   * opens the connection and starts them. An attempt does not wait for a server, unless `connection.waitOnFirstConnect` is
   * `true`. It cannot be combined with a `NatsConnection`.
   *
   * Default: true, unless the environment
   * variable `JETSTREAM_CONNECT` is `false`, which closes all connections of the process, also those of
   * `JetStreamServer` and `JetStreamClient`.
   */
  readonly connect?: boolean | 'lazy' | undefined;
  /** How JetStream is accessed: domain, API prefix, timeout. */
  readonly jetstream?: JetStreamOptions | undefined;
  /** Encodes and decodes values. Default: JSON. */
  readonly codec?: Codec | undefined;
  /**
   * Codecs for received messages whose `Content-Type` header differs from that of `codec`. JSON, text and bytes are
   * always supported.
   */
  readonly codecs?: readonly Codec[] | undefined;
  /**
   * Observe messages wherever they enter or leave the application, on all of its connections; see
   * {@link JetStreamInstrument}.
   */
  readonly instruments?: readonly JetStreamInstrument[] | undefined;
  /**
   * Makes the application a NATS service (ADR-32) on this connection, which `nats micro` and other instances can find,
   * with its handlers and their figures. Default: it is not a service, and nothing is counted.
   */
  readonly discovery?: DiscoveryOptions | undefined;
  /** Defaults for publishing. */
  readonly publish?: PublishDefaults | undefined;
  /**
   * Defaults for all handlers on this connection, and options that handlers refer to by name: `@JsConsumer('billing')`.
   */
  readonly handlers?:
    | (HandlerDefaults & {
        /**
         * Whether the handlers of this connection start with the application. With `false`, nothing is created on the
         * server for them, and their options are only checked as far as that needs no server, until
         * {@link Handlers.start} starts them: an application that only publishes, or one that consumes later. Default:
         * true.
         */
        readonly autoStart?: boolean | undefined;
        readonly consumers?: Readonly<Record<string, JsConsumerOptions>> | undefined;
      })
    | undefined;
  /** The application and the stream of its schedules; see {@link JsSchedule}. */
  readonly schedules?: ScheduleDefaults | undefined;
  /**
   * How streams, buckets and consumers on the server are treated at bootstrap. Default `ensure`: missing ones are
   * created, and existing ones with other options are updated to those of this application, even while another
   * application uses them. `assert` only compares, and fails the startup if something is missing or different; `off`
   * uses everything as it is. See {@link Provisioning}. Each stream or bucket that `forFeature` declares may have its own.
   */
  readonly provisioning?: Provisioning | undefined;
  /**
   * Whether the log summarizes the startup in one block: the server, the declared streams and buckets and what was done
   * with them, and the handlers with their consumers, concurrency and lag. With `'account'`, the account is asked for
   * its storage and limits too, which needs the permission to publish to `$JS.API.INFO`; a limit that is reached is
   * logged as a warning. {@link Handlers.bootSummaries} returns the same data. Default: true.
   */
  readonly bootSummary?: boolean | 'account' | undefined;
  /**
   * How long the startup may take on a connected server: streams, buckets and consumers are looked up and created, and
   * failures caused by leader elections of a cluster are retried. The wait for a first server and the time of other
   * providers do not count. `Infinity`: no limit. Default 60,000.
   */
  readonly bootTimeout?: number | undefined;
  /**
   * How long the shutdown may take in all: handlers in flight, those of microservices included, locks and elections,
   * publishes that wait for their acknowledgements, and sending buffered messages. All connections of the application
   * share this time, which starts when the first of them is closed; the time of other providers does not count.
   * `Infinity`: no limit. Default 10,000.
   */
  readonly shutdownTimeout?: number | undefined;
}

/** The options of `forRoot` and `forRootAsync` for the module itself. */
export interface JetStreamModuleExtras {
  /** The name of the connection; an application may have several. Default: `default`. */
  name?: string | undefined;
  /** Whether the services can be injected everywhere without importing the module. Default: true. */
  isGlobal?: boolean | undefined;
}

/** Creates the options for `JetStreamModule.forRootAsync` with `useClass` or `useExisting`. */
export interface JetStreamOptionsFactory {
  createJetStreamOptions(): JetStreamModuleOptions | Promise<JetStreamModuleOptions>;
}

/** A Key-Value bucket as a module declares it. */
export interface KeyValueDeclaration extends KeyValueConfig {
  /**
   * Encodes and decodes the values of this bucket, for all code that injects, opens or watches it. Default: the
   * module's.
   */
  readonly codec?: Codec | undefined;
  /** See {@link StreamDeclaration.recreate}. */
  readonly recreate?: boolean | undefined;
  /** See {@link StreamDeclaration.provisioning}. */
  readonly provisioning?: Provisioning | undefined;
}

/** An Object Store bucket as a module declares it. */
export interface ObjectStoreDeclaration extends ObjectStoreConfig {
  /** See {@link StreamDeclaration.recreate}. */
  readonly recreate?: boolean | undefined;
  /** See {@link StreamDeclaration.provisioning}. */
  readonly provisioning?: Provisioning | undefined;
}

/**
 * Options of `JetStreamModule.forFeature`: the resources that a feature needs on the server. They are created before
 * they are injected.
 */
export interface JetStreamFeatureOptions {
  /** Streams; each can be injected by `@InjectStream(name)`. */
  readonly streams?: readonly StreamDeclaration[] | undefined;
  /** Key-Value buckets; each can be injected by `@InjectKeyValue(bucket)`. */
  readonly keyValues?: readonly KeyValueDeclaration[] | undefined;
  /** Object Store buckets; each can be injected by `@InjectObjectStore(bucket)`. */
  readonly objectStores?: readonly ObjectStoreDeclaration[] | undefined;
  /**
   * Messages that the feature publishes; the publisher of each can be injected by `@InjectPublisher(message)`. If no
   * stream stores a message, the application does not start, except for messages of core NATS.
   */
  readonly messages?: readonly MessageContract[] | undefined;
  /** The name of the connection. Default: `default`. */
  readonly connection?: string | undefined;
}

/** Creates the declaration of a stream or bucket, without its name, when the application starts. */
export interface DeclarationFactory<Declaration> {
  /** The providers to pass to the factory: those of global modules, and of the modules in `imports`. */
  readonly inject?: readonly (InjectionToken | OptionalFactoryDependency)[] | undefined;
  readonly useFactory: (...injected: never[]) => Declaration | Promise<Declaration>;
}

/** A stream whose declaration is created when the application starts. */
export interface StreamDeclarationFactory extends DeclarationFactory<Omit<StreamDeclaration, 'name'>> {
  /** The name of the stream. It is part of the injection token, so the factory cannot choose it. */
  readonly name: string;
}

/** A Key-Value bucket whose declaration is created when the application starts. */
export interface KeyValueDeclarationFactory extends DeclarationFactory<Omit<KeyValueDeclaration, 'bucket'>> {
  /** The name of the bucket. It is part of the injection token, so the factory cannot choose it. */
  readonly bucket: string;
}

/** An Object Store bucket whose declaration is created when the application starts. */
export interface ObjectStoreDeclarationFactory extends DeclarationFactory<
  Omit<ObjectStoreDeclaration, 'bucket'>
> {
  /** The name of the bucket. It is part of the injection token, so the factory cannot choose it. */
  readonly bucket: string;
}

/**
 * Options of `JetStreamModule.forFeatureAsync`: the resources of {@link JetStreamFeatureOptions}, with a factory for each
 * declaration.
 */
export interface JetStreamFeatureAsyncOptions {
  /** The modules whose providers the factories inject. */
  readonly imports?: ModuleMetadata['imports'] | undefined;
  /** Streams; each can be injected by `@InjectStream(name)`. */
  readonly streams?: readonly StreamDeclarationFactory[] | undefined;
  /** Key-Value buckets; each can be injected by `@InjectKeyValue(bucket)`. */
  readonly keyValues?: readonly KeyValueDeclarationFactory[] | undefined;
  /** Object Store buckets; each can be injected by `@InjectObjectStore(bucket)`. */
  readonly objectStores?: readonly ObjectStoreDeclarationFactory[] | undefined;
  /** See {@link JetStreamFeatureOptions.messages}. */
  readonly messages?: readonly MessageContract[] | undefined;
  /** The name of the connection. Default: `default`. */
  readonly connection?: string | undefined;
}
