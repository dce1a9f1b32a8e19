import type { NodeConnectionOptions } from '@nats-io/transport-node';
import type { JetStreamInstrument } from '../instruments/index.js';
import { type ConnectionSource, isConnection } from './connection-options.js';

/** The changes that a test kit makes in an application. */
export interface TestSettings {
  /** The server and the user of all connections, instead of those of the application. */
  readonly connection: Pick<NodeConnectionOptions, 'servers' | 'user' | 'pass'>;
  readonly instruments: readonly JetStreamInstrument[];
  /** The factor for the delays of handlers. */
  readonly timeScale: number;
  /** Whether schedules take place at their due times. */
  readonly schedules: boolean;
}

/** The options of a connection with the server and the user of a test kit. */
export function redirected(source: ConnectionSource, { connection }: TestSettings): ConnectionSource {
  if (isConnection(source)) return connection;
  const {
    servers: _,
    port: __,
    user: ___,
    pass: ____,
    token: _____,
    authenticator: ______,
    ...rest
  } = source;
  return { ...rest, ...connection, tls: undefined };
}

/** Whether the options are those of the account of a test kit already. */
export function isOnTestServer(source: ConnectionSource, { connection }: TestSettings): boolean {
  return !isConnection(source) && source.servers === connection.servers && source.user === connection.user;
}

/** The longest `shutdownTimeout` in an application that a test kit runs, in milliseconds: a handler that hangs must not delay its end. */
export const TEST_SHUTDOWN_TIMEOUT = 1_000;

/** The part of a configuration that needs several servers. */
interface Replicated {
  readonly replicas?: number | undefined;
  readonly placement?: unknown;
}

/** A configuration for the single server of a test kit. */
export function forOneServer<Config extends object>(config: Config): Config {
  const { replicas, placement }: Replicated = config;
  const changes = {
    ...(replicas !== undefined && replicas > 1 && { replicas: 1 }),
    ...(placement !== undefined && { placement: undefined }),
  };
  return Object.keys(changes).length === 0 ? config : { ...config, ...changes };
}
