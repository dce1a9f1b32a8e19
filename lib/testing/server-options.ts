import {
  type AllOptionsOf,
  checkedOptions,
  count,
  filledText,
  flag,
  isObject,
  notTogether,
  resourceName,
  rule,
} from '../validation/index.js';
import { ACCESS_OPTIONS, type NatsTestAccessOptions } from './access-options.js';
import type { NatsServerConfig } from './server-config.js';
import { isVersionRequest } from './server-version.js';

/** Options of {@link NatsTestServer.start}. */
export interface NatsTestServerOptions extends NatsTestAccessOptions {
  /**
   * The server's version: `2.10` for the newest available 2.10, or `2.10.27`. Default: a `nats-server` on `PATH` of
   * 2.11 or newer, otherwise the newest available.
   */
  readonly version?: string | undefined;
  /** Whether JetStream is enabled. Default: `true`. */
  readonly jetstream?: boolean | undefined;
  /** The JetStream domain. Default: none. */
  readonly domain?: string | undefined;
  /** Whether the server accepts leaf nodes, which {@link NatsTestServer.startLeaf} needs. Default: `false`. */
  readonly leafNodes?: boolean | undefined;
  /**
   * The folder of the streams, which {@link NatsTestServer.stop} does not remove. Default: a new folder, which it
   * removes.
   */
  readonly storeDir?: string | undefined;
  /**
   * More configuration: the text of a nats-server configuration file, or the same as an object. Host, ports, server
   * name and store cannot be set here. An object can add to the blocks `cluster`, `jetstream` and `leafnodes` that
   * other options write; text replaces them.
   */
  readonly config?: NatsServerConfig | undefined;
  /** The port for clients. Default: a free port. */
  readonly port?: number | undefined;
}

/** Options of {@link NatsTestServer.startLeaf}. */
export interface NatsTestLeafOptions extends NatsTestServerOptions {
  /**
   * The user of the hub whose account and permissions the leaf node has there. Default: none, or `noAuthUser` of the
   * hub.
   */
  readonly hubUser?: string | undefined;
  /** The account of the leaf node that is connected with the hub. Default: the global account. */
  readonly account?: string | undefined;
}

/** The rules of {@link NatsTestServerOptions}. */
export const SERVER_OPTIONS = {
  ...ACCESS_OPTIONS,
  version: rule("a version: '2.10' for the newest 2.10, or '2.10.27'", isVersionRequest),
  jetstream: flag,
  domain: resourceName,
  leafNodes: flag,
  storeDir: filledText,
  config: rule(
    'the text of a configuration file, or an object',
    (value) => typeof value === 'string' || isObject(value),
  ),
  port: count(1, 65_535),
} satisfies AllOptionsOf<NatsTestServerOptions>;

const LEAF_OPTIONS = {
  ...SERVER_OPTIONS,
  hubUser: filledText,
  account: filledText,
} satisfies AllOptionsOf<NatsTestLeafOptions>;

/** @throws InvalidArgumentError if an option is unknown or has an invalid value */
export function checkedServerOptions(options: NatsTestServerOptions): NatsTestServerOptions {
  return consistent(checkedOptions('NatsTestServer.start', options, SERVER_OPTIONS));
}

/** @throws InvalidArgumentError if an option is unknown or has an invalid value */
export function checkedLeafOptions(options: NatsTestLeafOptions): NatsTestLeafOptions {
  return consistent(checkedOptions('NatsTestServer.startLeaf', options, LEAF_OPTIONS));
}

function consistent<T extends NatsTestServerOptions>(options: T): T {
  if (options.jetstream === false && options.domain !== undefined)
    throw notTogether('domain', 'jetstream: false');
  return options;
}
