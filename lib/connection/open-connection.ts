import { Logger } from '@nestjs/common';
import {
  connect as connectClient,
  type NatsConnection,
  type NodeConnectionOptions,
} from '@nats-io/transport-node';
import { ConnectionFailedError } from '../errors/index.js';
import { ReportLimiter, toError } from '../reporting/index.js';
import { Backoff, sleep, untilAborted, within } from '../timing/index.js';
import {
  isConnection,
  readConnectionOptions,
  type ConnectionOptions,
  type ConnectionSource,
  type WireChoice,
} from './connection-options.js';
import { failureCode, failureText, mayPass, problemOfServers } from './connection-failure.js';
import { JetStreamConnection, type JetStreamOptions } from './jetstream-connection.js';
import { openedNats } from './opening-wait.js';
import { Redactor, serverList, withoutCredentials, withoutUserInfo } from './redact.js';
import { connect, isDirect } from './wire/index.js';

const logger = new Logger('NatsConnection');
const DEFAULT_RETRY_WAIT = 2_000;
const LONGEST_RETRY_WAIT = 10_000;
const SAY_AGAIN_AFTER = 30_000;
/** How long an attempt may take before it is logged, in milliseconds. */
const SLOW_AFTER = 5_000;
/** How long closing a connection with rejected options waits for its socket, in milliseconds. */
const CLOSE_WAIT = 500;

/**
 * Opens a named connection, or uses the application's own.
 *
 * If there is no server, it keeps trying, unless `waitOnFirstConnect` is `false`. Once connected, reconnect attempts
 * are unlimited, unless `maxReconnectAttempts` is set (the client's own default is 10 attempts).
 *
 * @param signal ends the wait for a server; if the connection still opens, it is closed
 * @throws {@link ConnectionFailedError} if the server refuses the credentials, the certificate is not valid, an option
 * is wrong, or there is no server and `waitOnFirstConnect` is `false`
 */
export async function openConnection(
  name: string,
  source: ConnectionSource,
  jetstream: JetStreamOptions,
  signal?: AbortSignal,
): Promise<JetStreamConnection> {
  const owned = !isConnection(source);
  const { nc, redactor } = owned
    ? await dialServer(name, source, signal)
    : { nc: await openedNats(source, signal), redactor: new Redactor({}) };
  let connection: JetStreamConnection;
  try {
    connection = new JetStreamConnection(name, nc, jetstream, owned);
  } catch (error) {
    // Rejected options must not leave behind a connection that keeps the process alive.
    if (owned) await within(CLOSE_WAIT, nc.close());
    throw error;
  }
  reportLinks(connection, nc, redactor);
  return connection;
}

/** A connection of the client, and what removes the credentials of its options from logs. */
export interface DialedServer {
  readonly nc: NatsConnection;
  readonly redactor: Redactor;
}

/** Connects with the options of the client. @throws the errors of {@link openConnection} */
export async function dialServer(
  name: string,
  source: ConnectionOptions,
  signal: AbortSignal | undefined,
): Promise<DialedServer> {
  const { options, unknown } = readConnectionOptions(source);
  for (const problem of unknown) logger.warn(`Connection "${name}": ${problem}`);
  const redactor = new Redactor(options);
  return { nc: await dial(name, options, { redactor, signal }), redactor };
}

/** Logs that a connection is open, and its later changes. */
export function reportLinks(connection: JetStreamConnection, nc: NatsConnection, redactor: Redactor): void {
  const { name } = connection;
  logger.log(
    `Connection "${name}": connected to ${serverOf(nc)}, nats-server ${connection.serverVersion}; ` +
      (isDirect(nc) ? 'messages use the direct wire' : "messages go through the client's own connection"),
  );
  connection.listen({
    onDisconnect: () => logger.warn(`Connection "${name}": disconnected, trying to reconnect`),
    onReconnect: () =>
      logger.log(
        `Connection "${name}": reconnected to ${serverOf(nc)}, nats-server ${connection.serverVersion}`,
      ),
    onClose: (error) => {
      if (error) logger.error(`Connection "${name}": closed: ${redactor.text(error)}`);
    },
  });
}

interface Dialing {
  readonly redactor: Redactor;
  readonly signal: AbortSignal | undefined;
}

async function dial(
  name: string,
  { wire = 'auto', ...options }: NodeConnectionOptions & { readonly wire?: WireChoice },
  { redactor, signal }: Dialing,
): Promise<NatsConnection> {
  const { waitOnFirstConnect = true, ...own } = options;
  const { servers } = redactor;
  const listed = serverList(options.servers);
  // The client does not read users from addresses, and mistakes a part of some for the host.
  const addresses = listed ? { servers: listed.map(withoutUserInfo) } : {};
  const { user, token, authenticator } = options;
  if (listed?.some((server) => server.includes('@')) && (user ?? token ?? authenticator) === undefined) {
    logger.warn(
      `Connection "${name}": credentials in "servers" are ignored. Set "user" and "pass", "token" or "authenticator" instead`,
    );
  }
  const problem = problemOfServers(options);
  if (problem !== undefined) throw new ConnectionFailedError(name, servers, problem, 'INVALID_OPTIONS');
  if (wire === 'client' && options.debug === true) {
    logger.warn(
      `Connection "${name}": "debug" is ignored with wire: 'client', because the client would print the credentials. ` +
        'Remove one of the two options',
    );
  }
  const first = options.reconnectTimeWait ?? DEFAULT_RETRY_WAIT;
  const backoff = new Backoff({ first, longest: Math.max(first, LONGEST_RETRY_WAIT) });
  const limiter = new ReportLimiter({ interval: SAY_AGAIN_AFTER });
  for (;;) {
    const connecting = attempt(wire, { maxReconnectAttempts: -1, ...own, ...addresses });
    void within(SLOW_AFTER, connecting).then((ended) => {
      if (ended || isAborted(signal) || limiter.admit('slow') === undefined) return;
      logger.warn(
        `Connection "${name}": connecting to ${servers} takes longer than ${SLOW_AFTER / 1_000} s; still waiting. ` +
          'Check that a NATS server is running there, and that tls.handshakeFirst is set as on the server',
      );
    });
    try {
      return await untilAborted(signal, connecting);
    } catch (thrown) {
      if (isAborted(signal)) {
        void connecting.then(
          (nc) => nc.close(),
          () => undefined,
        );
        throw calledOff(name, servers);
      }
      const error = toError(thrown);
      if (!waitOnFirstConnect || !mayPass(error)) {
        const reason = redactor.text(failureText(error));
        throw new ConnectionFailedError(name, servers, reason, failureCode(error), {
          cause: redactor.error(error),
        });
      }
      if (limiter.admit(error.name) !== undefined) {
        logger.warn(
          `Connection "${name}": no NATS server at ${servers} yet (${redactor.text(error)}); ` +
            'retrying until one is available',
        );
      }
      await sleep(backoff.next(), signal);
      if (isAborted(signal)) throw calledOff(name, servers);
    }
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

/** Returns a promise even if the client throws immediately. */
async function attempt(wire: WireChoice, options: NodeConnectionOptions): Promise<NatsConnection> {
  return wire === 'client' ? connectClient({ ...options, debug: false }) : connect(options);
}

function calledOff(name: string, servers: string): ConnectionFailedError {
  const reason = 'it was cancelled because the application failed to start or was closed in the meantime';
  return new ConnectionFailedError(name, servers, reason, 'ABORTED');
}

function serverOf(nc: NatsConnection): string {
  return withoutCredentials(nc.getServer());
}
