import type { Codec } from '../codecs/index.js';
import type { ConnectionSource, JetStreamOptions } from '../connection/index.js';
import type { HandlerDefaults, JsConsumerOptions } from '../consuming/index.js';
import type { Provisioning, PublishDefaults, StreamDeclaration } from '../jetstream/index.js';
import type { KeyValueConfig } from '../key-value/index.js';
import type { ObjectStoreConfig } from '../object-store/index.js';

/** Options of `JetStreamModule.forRoot`. Durations are in milliseconds. */
export interface JetStreamModuleOptions {
  /**
   * The options of `@nats-io/transport-node`'s `connect`, untouched (servers, authentication, TLS, …), or a
   * `NatsConnection` that the application owns and closes itself. Default: a server at 127.0.0.1:4222.
   *
   * Two defaults differ from the client's: without a server the boot waits and keeps trying
   * (`waitOnFirstConnect: false` fails at once), and reconnecting never gives up (`maxReconnectAttempts: -1`).
   */
  readonly connection?: ConnectionSource | undefined;
  /** How JetStream is reached: domain, API prefix, timeout. */
  readonly jetstream?: JetStreamOptions | undefined;
  /** Turns values into payloads and back. Default: JSON. */
  readonly codec?: Codec | undefined;
  /**
   * Codecs for received messages whose `Content-Type` header names another type than `codec`'s, besides JSON, text and
   * bytes, which are known.
   */
  readonly codecs?: readonly Codec[] | undefined;
  /** Defaults of everything that publishes. */
  readonly publish?: PublishDefaults | undefined;
  /** Defaults of every handler on this connection, and options that handlers refer to by name: `@JsConsumer('billing')`. */
  readonly handlers?:
    | (HandlerDefaults & {
        readonly consumers?: Readonly<Record<string, JsConsumerOptions>> | undefined;
      })
    | undefined;
  /**
   * What is done at bootstrap with streams, buckets and consumers on the server. Default `ensure`: what is missing is created,
   * and what exists with other options is updated to those of this application, also while another application uses it.
   * `assert` compares only, and stops the boot if something is missing or different; `off` takes everything as it is. See
   * {@link Provisioning}.
   */
  readonly provisioning?: Provisioning | undefined;
  /**
   * How long the startup may take on a connected server: streams, buckets and consumers are looked up and created, and what
   * fails because a cluster elects its leaders is tried again. The wait for a first server and the time of other providers do
   * not count. `Infinity`: no limit. Default 60,000.
   */
  readonly bootTimeout?: number | undefined;
  /**
   * How long the shutdown may take in all: handlers in flight, those of microservices included, locks and elections, publishes
   * that wait for their acknowledgements, and what is still to be sent. All connections of the application share the time,
   * which begins with whatever is closed first; the time of other providers does not count. `Infinity`: no limit.
   * Default 10,000.
   */
  readonly shutdownTimeout?: number | undefined;
}

/** What `forRoot` and `forRootAsync` take besides the options. */
export interface JetStreamModuleExtras {
  /** The name of the connection; several may live side by side. Default: `default`. */
  name?: string | undefined;
  /** Whether the services can be injected everywhere without importing the module. Default: true. */
  isGlobal?: boolean | undefined;
}

/** Makes the options of `JetStreamModule.forRootAsync({ useClass })` and `useExisting`. */
export interface JetStreamOptionsFactory {
  createJetStreamOptions(): JetStreamModuleOptions | Promise<JetStreamModuleOptions>;
}

/** A Key-Value bucket as a module declares it. */
export interface KeyValueDeclaration extends KeyValueConfig {
  /** Turns the values of this bucket into bytes and back, for all who inject, open or watch it. Default: the module's. */
  readonly codec?: Codec | undefined;
  /** As {@link StreamDeclaration.recreate}. */
  readonly recreate?: boolean | undefined;
}

/** An Object Store bucket as a module declares it. */
export interface ObjectStoreDeclaration extends ObjectStoreConfig {
  /** As {@link StreamDeclaration.recreate}. */
  readonly recreate?: boolean | undefined;
}

/** Options of `JetStreamModule.forFeature`: what a feature needs on the server, made before it is injected. */
export interface JetStreamFeatureOptions {
  /** Streams; each can be injected by `@InjectStream(name)`. */
  readonly streams?: readonly StreamDeclaration[] | undefined;
  /** Key-Value buckets; each can be injected by `@InjectKeyValue(bucket)`. */
  readonly keyValues?: readonly KeyValueDeclaration[] | undefined;
  /** Object Store buckets; each can be injected by `@InjectObjectStore(bucket)`. */
  readonly objectStores?: readonly ObjectStoreDeclaration[] | undefined;
  /** The name of the connection. Default: `default`. */
  readonly connection?: string | undefined;
}
