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

/** What hears of a socket that is opened. */
export interface SocketOwner {
  /** There is a socket, which is not connected yet; with TLS there may be another one later. */
  onSocket(socket: Socket): void;
  /** Bytes came, the server's information first. */
  onBytes(chunk: Uint8Array): void;
}

/** The longest information about itself that a server may send, in bytes. */
const LONGEST_INFO = 262_144;
const LINE_FEED = 10;

/**
 * Connects to a server: plainly, with TLS from the first byte (`handshakeFirst`), or with TLS once the server has said that it
 * wants or offers it.
 *
 * @throws the client's errors for options that do not fit the server, and Node's for all else
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
  // Read before there is a socket: one that closes meanwhile would not be noticed.
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
  const info = await informed(plain, line, '; one that wants TLS at once needs tls.handshakeFirst');
  checkOptions(info, options);
  const isOffered = info.tls_available === true && tls !== null;
  if (info.tls_required !== true && !isOffered) return plain;
  // What is not encrypted may be of somebody in between.
  if (line.hasMore) throw new errors.ConnectionError('the server sent more than its information before TLS');
  // Without the host, Node would look for the name `localhost` in the certificate of a server that has an IP address.
  const socket = connectTls({ ...secure, host, socket: plain });
  owner.onSocket(socket);
  socket.on('data', onBytes);
  await opened(socket, 'secureConnect');
  return socket;
}

/** Resolves at an event of a socket, and rejects if it closes before. */
function opened(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return untilClosed(socket, (resolve) => socket.once(event, resolve));
}

/** Resolves with what the server says of itself. `hint` is what to do if it closes the connection instead. */
async function informed(socket: Socket, line: FirstLine, hint?: string): Promise<ServerInfo> {
  await untilClosed(socket, (resolve) => void line.complete.then(resolve), hint);
  return line.info();
}

/**
 * A server that stops, or something in front of one that is not there yet, such as a load balancer, closes what it has accepted.
 * So does a server that wants TLS at once.
 */
export class ConnectionEndedError extends errors.ConnectionError {
  readonly code = 'ECONNRESET';

  constructor(reason: string) {
    super(`the server closed the connection${reason}`);
  }
}

/** Resolves when something has happened, and rejects if the socket closes before. */
function untilClosed(socket: Socket, begin: (happened: () => void) => void, hint = ''): Promise<void> {
  return new Promise((resolve, reject) => {
    let failure: Error | undefined;
    // It stays: an error of a socket that was given up must not end the process.
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
  // Options of Node's own may be among these.
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

  /** Whether something came behind it. */
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

  /** @throws the client's `ConnectionError` if this is not how a NATS server begins */
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
    throw new errors.ConnectionError('what answered is not a NATS server', { cause });
  }
}
