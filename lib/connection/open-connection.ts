import { Logger } from '@nestjs/common';
import {
  AuthorizationError,
  connect,
  ConnectionError,
  TimeoutError,
  type NatsConnection,
  type NodeConnectionOptions,
} from '@nats-io/transport-node';
import { ConnectionFailedError } from '../errors/index.js';
import { sleep } from '../timing/index.js';
import { JetStreamConnection, type JetStreamOptions } from './jetstream-connection.js';
import { redactServers, withoutCredentials } from './redact.js';

const DEFAULT_RETRY_WAIT = 2_000;
const SAY_AGAIN_AFTER = 30_000;

/** Options of the connection: the client's own, untouched, or a connection that the application owns. */
export type ConnectionSource = NodeConnectionOptions | NatsConnection;

/**
 * Opens a named connection, or takes the application's own.
 *
 * Without a server it waits and keeps trying, unless `waitOnFirstConnect` is `false`. Once connected it reconnects
 * without end, unless `maxReconnectAttempts` says otherwise (the client alone gives up after 10 attempts).
 *
 * @param signal ends the wait for a server
 * @throws {@link ConnectionFailedError} where the server refuses the credentials, or must not be waited for
 */
export async function openConnection(
  name: string,
  source: ConnectionSource,
  jetstream: JetStreamOptions,
  signal?: AbortSignal,
): Promise<JetStreamConnection> {
  const logger = new Logger('NatsConnection');
  const owned = !isConnection(source);
  const nc = isConnection(source) ? source : await dial(name, source, logger, signal);
  let connection: JetStreamConnection;
  try {
    connection = new JetStreamConnection(name, nc, jetstream, owned);
  } catch (error) {
    // Refused options must not leave behind a connection that keeps the process alive.
    if (owned) await nc.close();
    throw error;
  }
  logger.log(`Connection "${name}": connected to ${serverOf(nc)}, nats-server ${connection.serverVersion}`);
  connection.listen({
    onDisconnect: () => logger.warn(`Connection "${name}": disconnected, trying to reconnect`),
    onReconnect: () =>
      logger.log(
        `Connection "${name}": reconnected to ${serverOf(nc)}, nats-server ${connection.serverVersion}`,
      ),
    onClose: (error) => {
      if (error) logger.error(`Connection "${name}": closed: ${withoutCredentials(error.message)}`);
    },
  });
  return connection;
}

async function dial(
  name: string,
  options: NodeConnectionOptions,
  logger: Logger,
  signal: AbortSignal | undefined,
): Promise<NatsConnection> {
  const { waitOnFirstConnect = true, ...own } = options;
  const wait = options.reconnectTimeWait ?? DEFAULT_RETRY_WAIT;
  const servers = redactServers(options);
  let saidAt = -Infinity;
  for (;;) {
    try {
      return await connect({ maxReconnectAttempts: -1, ...own });
    } catch (error) {
      const words = withoutCredentials(error instanceof Error ? error.message : String(error));
      if (!waitOnFirstConnect || !mayPass(error)) throw new ConnectionFailedError(name, servers, words);
      if (Date.now() - saidAt >= SAY_AGAIN_AFTER) {
        saidAt = Date.now();
        logger.warn(
          `Connection "${name}": no NATS server at ${servers} yet (${words}); trying again every ${wait} ms`,
        );
      }
      await sleep(wait, signal);
      if (signal?.aborted === true)
        throw new ConnectionFailedError(name, servers, 'the application failed to start');
    }
  }
}

/** A server that is not there yet may come; refused credentials and wrong options stay so. */
function mayPass(error: unknown): boolean {
  if (error instanceof AuthorizationError) return false;
  return (
    error instanceof ConnectionError ||
    error instanceof TimeoutError ||
    (error as { code?: unknown }).code !== undefined
  );
}

function isConnection(source: ConnectionSource): source is NatsConnection {
  return typeof (source as Partial<NatsConnection>).publish === 'function';
}

function serverOf(nc: NatsConnection): string {
  return withoutCredentials(nc.getServer());
}
