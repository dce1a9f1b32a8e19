import { Buffer } from 'node:buffer';
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions as NodeTlsOptions } from 'node:tls';
import {
  checkOptions,
  errors,
  INFO,
  type ConnectionOptions,
  type Server,
  type ServerInfo,
} from '@nats-io/transport-node';
import { toError } from '../../reporting/index.js';
import { isObject } from '../../validation/index.js';
import { certificatesOf } from './certificates.js';
import { ReadBuffer } from './read-buffer.js';

/** Receives the events of a socket that is being opened. */
export interface SocketOwner {
  /** Called with a socket that is not connected yet; with TLS it may be called again with another socket. */
  onSocket(socket: Socket): void;
  /** Called with received bytes, starting with the server's information. */
  onBytes(chunk: Uint8Array): void;
}

/** The maximum length of a server's information, in bytes. */
const LONGEST_INFO = 262_144;
const LINE_FEED = 10;

/**
 * Connects to a server: without TLS, with TLS from the first byte (`handshakeFirst`), or with TLS after the server has
 * reported that it requires or offers it.
 *
 * @throws the client's errors for options that do not fit the server, and Node's errors for all other failures
 */
export async function openSocket(
  { hostname: host, port, tlsName }: Server,
  options: ConnectionOptions,
  owner: SocketOwner,
): Promise<Socket> {
  const line = new FirstLine();
  const onBytes = (chunk: Uint8Array): void => {
    line.add(chunk);
    owner.onBytes(chunk);
  };
  const { tls } = options;
  // Read before there is a socket, because a socket that closes in the meantime would go unnoticed.
  const secure = await tlsOptions(options, tlsName);
  if (tls?.handshakeFirst === true) {
    const socket = connectTls({ ...secure, host, port });
    socket.setNoDelay(true);
    owner.onSocket(socket);
    socket.on('data', onBytes);
    await opened(socket, 'secureConnect');
    checkOptions(await informed(socket, line), options);
    return socket;
  }
  const plain = connectPlain({ host, port, noDelay: true, onread: new ReadBuffer(onBytes) });
  owner.onSocket(plain);
  await opened(plain, 'connect');
  const info = await informed(plain, line, '; if it expects TLS immediately, set tls.handshakeFirst');
  checkOptions(info, options);
  const isOffered = info.tls_available === true && tls !== null;
  if (info.tls_required !== true && !isOffered) return plain;
  // Unencrypted data may come from a man in the middle.
  if (line.hasMore) throw new errors.ConnectionError('the server sent unencrypted data between INFO and TLS');
  // Without the host, Node would check the certificate of a server with an IP address for the name `localhost`.
  const socket = connectTls({ ...secure, host, socket: plain });
  owner.onSocket(socket);
  socket.on('data', onBytes);
  await opened(socket, 'secureConnect');
  return socket;
}

/** Resolves at an event of a socket; rejects if the socket closes before. */
function opened(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return untilClosed(socket, (resolve) => socket.once(event, resolve));
}

/** Resolves with the server's information. `hint` is the advice if the server closes the connection instead. */
async function informed(socket: Socket, line: FirstLine, hint?: string): Promise<ServerInfo> {
  await untilClosed(socket, (resolve) => void line.complete.then(resolve), hint);
  return line.info();
}

/**
 * The server closed an accepted connection. A stopping server does that, a proxy such as a load balancer whose server
 * is not available yet, and a server that requires TLS from the first byte.
 */
export class ConnectionEndedError extends errors.ConnectionError {
  readonly code = 'ECONNRESET';

  constructor(reason: string) {
    super(`the server closed the connection${reason}`);
  }
}

/** Resolves when the awaited event has occurred; rejects if the socket closes before. */
function untilClosed(socket: Socket, begin: (happened: () => void) => void, hint = ''): Promise<void> {
  return new Promise((resolve, reject) => {
    let failure: Error | undefined;
    // The listener is kept: an error of an abandoned socket must not end the process.
    socket.on('error', (error) => (failure = error));
    const closed = (): void => reject(failure ?? new ConnectionEndedError(hint));
    socket.on('close', closed);
    begin(() => {
      socket.off('close', closed);
      resolve();
    });
    if (socket.destroyed) closed();
  });
}

async function tlsOptions({ tls }: ConnectionOptions, servername: string): Promise<NodeTlsOptions> {
  // These may include Node's own options.
  const given = typeof tls === 'object' && tls !== null ? tls : {};
  return { servername, rejectUnauthorized: true, ...given, ...(await certificatesOf(given)) };
}

/** The first line that a server sends, `INFO {…}`. */
class FirstLine {
  private chunks: Uint8Array[] | undefined = [];
  private length = 0;
  private text = '';
  private end = (): void => {};
  readonly complete = new Promise<void>((resolve) => (this.end = resolve));

  /** Whether data followed the line. */
  hasMore = false;

  add(chunk: Uint8Array): void {
    if (this.chunks === undefined) {
      this.hasMore = true;
      return;
    }
    this.chunks.push(chunk);
    this.length += chunk.length;
    if (!chunk.includes(LINE_FEED) && this.length <= LONGEST_INFO) return;
    this.text = Buffer.concat(this.chunks).toString('utf8');
    this.hasMore = chunk.indexOf(LINE_FEED) !== chunk.length - 1;
    this.chunks = undefined;
    this.end();
  }

  /** @throws the client's `ConnectionError` if the data does not come from a NATS server */
  info(): ServerInfo {
    let info: unknown;
    let cause: Error | undefined;
    const [, json] = INFO.exec(this.text) ?? [];
    try {
      if (json) info = JSON.parse(json);
    } catch (thrown) {
      cause = toError(thrown);
    }
    if (isObject(info)) return info as unknown as ServerInfo;
    throw new errors.ConnectionError('the peer is not a NATS server', { cause });
  }
}
