import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { Logger } from '@nestjs/common';
import {
  deferred,
  errors,
  render,
  type ConnectionOptions,
  type Server,
  type Transport,
} from '@nats-io/transport-node';
import { installedVersion, toError } from '../../reporting/index.js';
import { within } from '../../timing/index.js';
import { openSocket } from './open-socket.js';
import { OutgoingBytes, type ByteSink } from './outgoing-bytes.js';

/** Receives the bytes of a link as they arrive; it must not throw. */
export interface ChunkParser {
  parse(chunk: Uint8Array): void;
}

/** How long ending a link waits for pending writes, in milliseconds. */
const FLUSH_WAIT = 500;

/**
 * One link to a server: an implementation of the client's `Transport` with its own socket.
 *
 * Received bytes are parsed in the turn in which Node has read them. Data sent by the client and by {@link DirectWire}
 * goes through one queue, so it arrives in the order in which it was sent.
 */
export class LinkTransport implements Transport, ByteSink {
  readonly lang = 'nats.js';
  readonly version = installedVersion('@nats-io/transport-node') ?? '0.0.0';
  closeError?: Error;
  /** The queue of outgoing data. */
  readonly outgoing = new OutgoingBytes(this);
  private socket: Socket | undefined;
  private debug = false;
  private connected = false;
  private done = false;
  private readonly ended = deferred<void | Error>();
  /** Bytes that arrived before the link was ready; without a parser, all bytes that were not requested yet. */
  private chunks: Uint8Array[] = [];
  private arrived = deferred<void>();

  /**
   * @param parser creates the parser of this link; without it, all bytes go to the iterator
   * @param onEnd called when an established link has ended, before the client is notified; returns `true` if the client
   * need not be notified
   */
  constructor(
    private readonly parser: (() => ChunkParser) | undefined,
    private readonly onEnd?: (error: Error | undefined) => boolean,
  ) {}

  get isClosed(): boolean {
    return this.done;
  }

  /** @throws the errors of the client and of Node's sockets */
  async connect(server: Server, options: ConnectionOptions): Promise<void> {
    this.debug = options.debug === true;
    let take = (chunk: Uint8Array): void => void this.chunks.push(chunk);
    try {
      const opened = await openSocket(server, options, {
        onSocket: (socket) => (this.socket = socket),
        onBytes: (chunk) => take(chunk),
      });
      if (this.done)
        throw new errors.ConnectionError('the connection was closed while a link was being opened');
      this.follow(opened);
    } catch (thrown) {
      this.socket?.destroy();
      throw connectionError(thrown);
    }
    this.connected = true;
    const early = this.chunks;
    this.chunks = [];
    if (this.parser) {
      const parser = this.parser();
      take = this.debug ? (chunk) => parser.parse(printed('>', chunk)) : (chunk) => parser.parse(chunk);
    } else {
      take = (chunk) => this.keep(this.debug ? printed('>', chunk) : chunk);
    }
    // CONNECT and PING are written in one piece. If the server has already rejected the client's certificate and closed
    // the link, a second write fails, and the reason that the server has sent is never read.
    this.socket?.cork();
    for (const chunk of early) take(chunk);
    this.socket?.uncork();
  }

  /** Sends data of the client, after the queued data. */
  send(frame: Uint8Array): void {
    this.outgoing.flush();
    this.write(frame);
  }

  /** Writes immediately, bypassing the queue. */
  write(bytes: Uint8Array | string): void {
    const { socket } = this;
    if (this.done || !socket) return;
    if (this.debug) printed('<', typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
    if (typeof bytes === 'string') socket.write(bytes, 'latin1');
    else socket.write(bytes);
  }

  cork(): void {
    this.socket?.cork();
  }

  uncork(): void {
    this.socket?.uncork();
  }

  isEncrypted(): boolean {
    return this.socket instanceof TLSSocket;
  }

  /** Without a parser, yields the bytes of the link. With a parser, yields nothing and ends with the link. */
  async *[Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    if (this.parser) return void (await this.ended);
    for (;;) {
      const { chunks } = this;
      this.chunks = [];
      yield* chunks;
      if (this.done) return;
      if (this.chunks.length > 0) continue;
      await this.arrived;
      this.arrived = deferred<void>();
    }
  }

  /** Ends the link immediately. */
  async close(error?: Error): Promise<void> {
    this.outgoing.flush();
    this.finish(error);
  }

  /** Ends the link when pending data is written. */
  disconnect(): void {
    this.outgoing.flush();
    const { socket } = this;
    const written = new Promise<void>((resolve) => {
      if (socket?.writable) socket.write('', () => resolve());
      else resolve();
    });
    void within(FLUSH_WAIT, written).then(() => this.finish(undefined));
  }

  /** Resolves when an established link has ended. */
  closed(): Promise<void | Error> {
    return this.ended;
  }

  /** Abandons the link without reporting its end. */
  discard(): void {
    this.done = true;
    this.socket?.destroy();
  }

  /** Ends the link without waiting for pending writes; the client connects again. */
  destroy(error?: Error): void {
    this.socket?.destroy(error);
  }

  private follow(socket: Socket): void {
    let failure: Error | undefined;
    socket.on('error', (error) => (failure = error));
    socket.on('close', () => this.finish(failure));
    // The socket may have been closed in this turn.
    if (socket.destroyed) queueMicrotask(() => this.finish(failure ?? socket.errored ?? undefined));
  }

  private finish(error: Error | undefined): void {
    this.socket?.destroy();
    if (this.done) return;
    this.done = true;
    this.arrived.resolve();
    if (!this.connected || this.onEnd?.(error) === true) return;
    if (error) this.closeError = error;
    this.ended.resolve(error);
  }

  private keep(chunk: Uint8Array): void {
    this.chunks.push(chunk);
    this.arrived.resolve();
  }
}

const logger = new Logger('NatsConnection');

/** In debug mode all sent and received data is logged, except credentials. */
function printed(direction: '<' | '>', bytes: Uint8Array): Uint8Array {
  const text = render(bytes);
  logger.debug(`${direction} ${text.startsWith('CONNECT ') ? 'CONNECT …' : text}`);
  return bytes;
}

function connectionError(thrown: unknown): Error {
  if (thrown === undefined || thrown === null) {
    return new errors.ConnectionError('Node reported no reason for the failure of the connection');
  }
  const error = toError(thrown);
  return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED'
    ? new errors.ConnectionError('connection refused', { cause: error })
    : error;
}
