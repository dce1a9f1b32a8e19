import type { NatsConnection, NodeConnectionOptions, TlsOptions } from '@nats-io/transport-node';
import {
  flag,
  functionRule,
  hasMethods,
  isObject,
  nearestName,
  oneOf,
  ownOptions,
  positiveDuration,
  readOptions,
  rule,
  secretRule,
  text,
  type AllOptionsOf,
  type KnownOptions,
  type OptionProblem,
  type OptionRule,
  type OrUndefined,
} from '../validation/index.js';

import type { JetStreamOptions } from './jetstream-connection.js';

/** The client's own options, and `wire`. An option that is `undefined` is treated as not set. */
export interface ConnectionOptions extends OrUndefined<Omit<NodeConnectionOptions, 'tls'>> {
  readonly tls?: OrUndefined<TlsOptions> | null | undefined;
  /**
   * How messages are sent and received. `'auto'`: over links of this library, which read and write messages several
   * times faster than the client. `'client'`: over the client's own links, through its public methods. Default
   * `'auto'`.
   */
  readonly wire?: WireChoice | undefined;
}

/** Which links messages use. */
export type WireChoice = 'auto' | 'client';

/** Options of the connection: the client's own, or a connection that the application owns. */
export type ConnectionSource = ConnectionOptions | NatsConnection;

const isText = (value: unknown): value is string => typeof value === 'string';
const isAddress = (value: unknown): boolean => isText(value) && value.trim() !== '';
const isFunction = (value: unknown): boolean => typeof value === 'function';

// Addresses and names may contain credentials, so errors do not show their values.
const secret = secretRule('a string', isText);
const number = secretRule('a number', (value) => typeof value === 'number' && !Number.isNaN(value));

const pem = secretRule(
  'PEM text',
  (value) => isText(value) || value instanceof Uint8Array || Array.isArray(value),
);

const TLS_OPTIONS: KnownOptions = {
  handshakeFirst: flag,
  certFile: secret,
  cert: pem,
  caFile: secret,
  ca: pem,
  keyFile: secret,
  key: pem,
} satisfies AllOptionsOf<TlsOptions>;

/** The options of the client and `wire`, as far as they can be checked here. Newer clients may have more options. */
const CLIENT_OPTIONS: KnownOptions = {
  authenticator: secretRule('an authenticator of the client, or a list of them', (value) =>
    Array.isArray(value) ? value.length > 0 && value.every(isFunction) : isFunction(value),
  ),
  debug: flag,
  ignoreAuthErrorAbort: flag,
  ignoreClusterUpdates: flag,
  inboxPrefix: secret,
  maxPingOut: number,
  maxReconnectAttempts: number,
  name: secret,
  noAsyncTraces: flag,
  noEcho: flag,
  noRandomize: flag,
  pass: secret,
  pedantic: flag,
  pingInterval: number,
  port: number,
  reconnect: flag,
  reconnectDelayHandler: functionRule('a function that returns milliseconds'),
  reconnectJitter: number,
  reconnectJitterTLS: number,
  reconnectTimeWait: number,
  reconnectToServer: functionRule('a function that chooses a server'),
  resolve: flag,
  servers: secretRule(
    'the address of a server, or a list of at least one address; omit it for 127.0.0.1:4222',
    (value) => (Array.isArray(value) ? value.length > 0 && value.every(isAddress) : isAddress(value)),
  ),
  timeout: number,
  tls: (value, option) =>
    value === null ? [] : inside(option, readOptions(value, TLS_OPTIONS, '').problems.filter(isCertain)),
  token: secret,
  user: secret,
  verbose: flag,
  waitOnFirstConnect: flag,
  wire: oneOf(['auto', 'client']),
} satisfies AllOptionsOf<ConnectionOptions>;

/**
 * The options of {@link JetStreamOptions}. The characters of a domain or prefix are checked when the connection opens.
 */
export const JETSTREAM_OPTIONS = {
  domain: text,
  apiPrefix: text,
  timeout: positiveDuration,
} satisfies AllOptionsOf<JetStreamOptions>;

/** The methods that a connection of the application must have. */
const CONNECTION_METHODS = [
  'publish',
  'subscribe',
  'request',
  'flush',
  'drain',
  'close',
  'isClosed',
  'getServer',
];

const WANTED = 'the options of the client, such as { servers: "localhost:4222" }, or a NatsConnection';

/**
 * Validates the option `connection`.
 *
 * @param isOther whether it is another accepted kind of object
 */
export function connectionRule(isOther: (value: object) => boolean = () => false, other = ''): OptionRule {
  const wanted = `${WANTED}${other}`;
  const isSource = secretRule(
    wanted,
    (value) => isObject(value) && (!mayPublish(value) || isConnection(value)),
  );
  const isOtherSource = rule(wanted, (value) => isObject(value) && isOther(value));
  return (value, option) => {
    if (isOtherSource(value, option).length === 0) return [];
    const problems = isSource(value, option);
    if (problems.length > 0 || isConnection(value as object)) return problems;
    return inside(option, readOptions(value, CLIENT_OPTIONS).problems.filter(isCertain));
  };
}

/** The options for the client, and a sentence for each option that the client does not seem to have. */
export interface ReadConnectionOptions {
  readonly options: NodeConnectionOptions & { readonly wire?: WireChoice };
  readonly unknown: readonly string[];
}

/**
 * Copies the client's options, including inherited ones, without those that are `undefined`, which would replace the
 * client's defaults.
 */
export function readConnectionOptions(source: ConnectionOptions): ReadConnectionOptions {
  const options = ownOptions(source, CLIENT_OPTIONS);
  const { tls } = options;
  if (isObject(tls)) options.tls = ownOptions(tls, TLS_OPTIONS);
  const unknown = unknownNames(options, CLIENT_OPTIONS).map(
    ({ name, nearest }) =>
      `the client has no option "${name}"${nearest === undefined ? '' : `; did you mean "${nearest}"?`}`,
  );
  // Other names may be options of Node for TLS connections.
  for (const { name, nearest } of unknownNames(options.tls ?? {}, TLS_OPTIONS)) {
    if (nearest !== undefined)
      unknown.push(`the client has no option "tls.${name}"; did you mean "tls.${nearest}"?`);
  }
  return { options, unknown };
}

function unknownNames(
  given: object,
  known: KnownOptions,
): { readonly name: string; readonly nearest: string | undefined }[] {
  const names = Object.keys(known);
  return Object.keys(given)
    .filter((name) => !names.includes(name))
    .map((name) => ({ name, nearest: nearestName(name, names) }));
}

/** Whether it is a connection of the client. */
export function isConnection(source: object): source is NatsConnection {
  return hasMethods(source, CONNECTION_METHODS);
}

function mayPublish(value: object): boolean {
  return hasMethods(value, ['publish']);
}

/** Newer clients may have options that are not known here. */
function isCertain({ isUnknown }: OptionProblem): boolean {
  return !isUnknown;
}

function inside(path: string, problems: readonly OptionProblem[]): OptionProblem[] {
  return problems.map(({ option, sentence, reason }) => ({
    option: option === '' ? path : `${path}.${option}`,
    sentence: option === '' ? `${path}${sentence}` : `${path}.${sentence}`,
    reason,
  }));
}
