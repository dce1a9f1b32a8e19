import { InvalidArgumentError } from '../errors/index.js';
import { isObject } from '../validation/index.js';

/** nats-server configuration: the text of a configuration file, or the same as an object. */
export type NatsServerConfig = string | Readonly<Record<string, unknown>>;

/** The blocks to which `config` may add. */
const SHARED = new Set(['cluster', 'jetstream', 'leafnodes']);

/** Options of the server that the test server sets by arguments, or decides itself. */
const RESERVED = new Set([
  'addr',
  'host',
  'http',
  'http_port',
  'listen',
  'monitor_port',
  'net',
  'port',
  'server_name',
]);

/** The configuration of a server, except its users and certificates. */
export interface OwnConfig {
  readonly name: string;
  readonly domain?: string | undefined;
  /** The port for leaf nodes, if the server accepts any. */
  readonly leafPort?: number | undefined;
  /** More blocks, such as `cluster`. */
  readonly blocks: Readonly<Record<string, unknown>>;
}

/** The configuration that the options of this library need. */
export function ownConfig({ name, domain, leafPort, blocks }: OwnConfig): Record<string, unknown> {
  const { leafnodes } = blocks;
  return {
    // It is not passed as an argument, because a server that reloads its configuration would reject that.
    server_name: name,
    ...blocks,
    ...(domain !== undefined && { jetstream: { domain } }),
    ...(leafPort !== undefined && {
      leafnodes: { ...(isObject(leafnodes) && leafnodes), host: '127.0.0.1', port: leafPort },
    }),
  };
}

/**
 * The text of a server's configuration file: what the options of this library need, and the configuration of the user.
 *
 * @throws InvalidArgumentError if `config` sets what only the test server can set, or both set the same, and `config` is an object. (In text, the later one applies.)
 */
export function configText(own: Readonly<Record<string, unknown>>, config: NatsServerConfig = ''): string {
  if (typeof config === 'string') return `${toText(own)}${config}\n`;
  const merged: Record<string, unknown> = { ...own };
  for (const [key, value] of Object.entries(config)) {
    if (RESERVED.has(key.toLowerCase())) {
      const reason =
        'the test server sets its address, ports and name itself. Use the option "port" for the port of clients';
      throw new InvalidArgumentError(`config.${key}`, reason);
    }
    const mine = merged[key];
    if (mine !== undefined && !(SHARED.has(key) && isObject(mine) && isObject(value))) {
      const reason = 'it is set by the other options of the test server. Use only one of them';
      throw new InvalidArgumentError(`config.${key}`, reason);
    }
    merged[key] = mine === undefined ? value : { ...mine, ...(value as object) };
  }
  return toText(merged);
}

/** Converts configuration to nats-server's format, in which values can be JSON. */
function toText(config: Readonly<Record<string, unknown>>): string {
  return Object.entries(config)
    .map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}\n`)
    .join('');
}
