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
