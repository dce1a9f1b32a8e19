import { ClientProxy, type ReadPacket, RpcException } from '@nestjs/microservices';
import type { NatsConnection } from '@nats-io/transport-node';
import { Observable, type Subscriber } from 'rxjs';
import { encodePayload, givenBytes } from '../../codecs/index.js';
import { isConnection, readConnectionOptions } from '../../connection/index.js';
import { type ApplicationShutdown, registerShutdownMember } from '../../consuming/index.js';
import {
  ConnectionClosedError,
  InvalidArgumentError,
  TransportNotConnectedError,
} from '../../errors/index.js';
import type { RunningOperation } from '../../instruments/index.js';
import {
  defaultHeaders,
  JetStreamService,
  type PublishHeaders,
  withInstruments,
} from '../../jetstream/index.js';
import { errorText, toError } from '../../reporting/index.js';
import { TimeBudget, within } from '../../timing/index.js';
import { ABOVE_ZERO, checkedOptions, checkMilliseconds } from '../../validation/index.js';
import { linkInTest } from '../link-in-test.js';
import { CallIds, encodePacket, envelopeOf, toHeaders } from '../packets/index.js';
import { assertSubject } from '../patterns/index.js';
import { TransportEvents } from '../transport-events.js';
import {
  checkSharing,
  CLOSING,
  type JetStreamTransportEvents,
  type JetStreamTransportStatus,
  TransportLink,
} from '../transport-link.js';
import { refuseServers } from '../transport-options.js';
import { Call, type CallHandler } from './call.js';
import { type EmittedEvent, EmittedEvents } from './emitted-events.js';
import type { JetStreamClientOptions } from './jetstream-client-options.interface.js';
import { CLIENT_OPTIONS } from './known-options.js';
import { contentOf, NO_OPTIONS, publishOptionsOf } from './record-content.js';

const DEFAULT_TIMEOUT = 30_000;
/** How long closing waits for a connection that is being opened, in milliseconds. */
const ALMOST_OPEN = 500;
/** The minimum time for events in flight when the client is closed, in milliseconds. */
const LEAST = 250;

/**
 * Sends requests and events: Nest's `ClientProxy` on NATS and JetStream.
 *
 * - `emit` publishes to a stream; its observable emits the {@link PubAck} when the stream has stored the event, and
 *   fails with {@link NoStreamResponseError} and the other errors of publishing.
 * - `send` sends a request to a `@MessagePattern` handler, in this or any Nest application on `Transport.NATS`, and
 *   emits its answers. It fails immediately with {@link NoRespondersError} if no service listens, with
 *   {@link RequestTimeoutError} if none answers in time, and with an `RpcException` that contains the handler's error.
 *   Unsubscribing stops the handler if it is served by {@link JetStreamServer}.
 *
 * It connects with the first call, or with `connect()`. If there is no server, this fails, as with Nest's own clients;
 * with `connection.waitOnFirstConnect: true` it waits.
 *
 * @example
 * ```ts
 * ClientsModule.register([
 *   { name: 'ORDERS', customClass: JetStreamClient, options: { connection: { servers: 'nats://localhost:4222' } } },
 * ])
 * ```
 */
export class JetStreamClient extends ClientProxy<JetStreamTransportEvents> {
  private readonly options: JetStreamClientOptions;
  private readonly name: string;
  private readonly timeout: number;
  private readonly ids = new CallIds();
  private readonly events = new TransportEvents('JetStreamClient');
  private readonly emitted = new EmittedEvents((pattern) => this.nameOf(pattern));
  /** The number of events that wait for the connection. Later events wait too, to keep the order. */
  private waitingEvents = 0;
  private opening: Promise<TransportLink> | undefined;
  private stopOpening = new AbortController();
  private link: TransportLink | undefined;
  private shutdown: ApplicationShutdown | undefined;

  /** @throws {@link InvalidArgumentError} */
  constructor(options: JetStreamClientOptions = {}) {
    super();
    refuseServers('JetStreamClient', options, '{ connection: { servers } }');
    this.options = checkedOptions<JetStreamClientOptions>('JetStreamClient', options, CLIENT_OPTIONS);
    this.name = this.options.name ?? 'client';
    this.timeout = this.options.timeout ?? DEFAULT_TIMEOUT;
    checkSharing(this.options);
    registerShutdownMember(this);
  }

  /** Whether the client is connected, from now on. Errors of a subscriber are logged. */
  override get status(): Observable<JetStreamTransportStatus> {
    const status = super.status as Observable<JetStreamTransportStatus>;
    return this.events.fence(status, 'the status');
  }

  /**
   * Connects if the client is not connected yet.
   *
   * @throws {@link ConnectionFailedError}; {@link ConnectionClosedError} if it is closed in the meantime
   */
  async connect(): Promise<NatsConnection> {
    return (this.link ?? (await this.open())).nc;
  }

  /**
   * Waits for events in flight, fails calls that wait for answers with {@link ConnectionClosedError}, and closes the
   * connection if the client opened it. This is part of the shutdown of the application that provides the client, and
   * takes up to two seconds. It never rejects.
   */
  async close(): Promise<void> {
    const budget = this.shutdown?.budgetOfMember(CLOSING) ?? new TimeBudget(CLOSING);
    await budget.spend(() => this.emitted.idle(Math.max(LEAST, budget.left)));
    await this.closeLink(budget);
    await this.emitted.close();
  }

  /** @internal */
  joinShutdown(shutdown: ApplicationShutdown): void {
    this.shutdown = shutdown;
  }

  override on<
    EventKey extends keyof JetStreamTransportEvents,
    EventCallback extends JetStreamTransportEvents[EventKey],
  >(event: EventKey, callback: EventCallback): void {
    this.events.on(event, callback);
  }

  /** Sends a request, and emits the answers; see {@link JetStreamClient}. */
  override send<TResult = unknown, TInput = unknown>(pattern: unknown, data: TInput): Observable<TResult> {
    if (isMissing(pattern) || isMissing(data)) return super.send(pattern, data);
    return new Observable((subscriber) => {
      if (this.link) this.startRequest(pattern, data, subscriber);
      else void this.connectAndStartRequest(pattern, data, subscriber);
    });
  }

  /**
   * Publishes an event, also if the observable is not subscribed to; see {@link JetStreamClient}. If an event fails
   * without a subscriber, the failure is logged.
   */
  override emit<TResult = unknown, TInput = unknown>(pattern: unknown, data: TInput): Observable<TResult> {
    const event = this.emitted.begin<TResult>(pattern);
    if (isMissing(pattern) || isMissing(data)) super.emit<TResult, TInput>(pattern, data).subscribe(event);
    else if (this.link && this.waitingEvents === 0) this.startEvent(event, data);
    else void this.connectAndStartEvent(event, data);
    return event;
  }

  /**
   * The client's `NatsConnection`.
   *
   * @throws {@link TransportNotConnectedError}
   */
  unwrap<T = NatsConnection>(): T {
    return this.connected().nc as T;
  }

  protected publish(packet: ReadPacket, handler: CallHandler): () => void {
    let operation: RunningOperation | undefined;
    try {
      const { data, options } = contentOf(packet.data);
      const { mode = this.options.mode ?? 'core', timeout = this.timeout } = options;
      checkMilliseconds('timeout', timeout, ABOVE_ZERO);
      const subject = this.subjectOf(packet);
      const link = this.connected();
      const codec = mode === 'core' ? link.codec : link.codecOfSubject(subject);
      const message = encodePacket(codec, envelopeOf(packet, { data, id: this.ids.next() }));
      const own = toHeaders(this.defaultHeaders(subject), options.headers);
      operation = link.beginRequest(subject);
      const headers = withInstruments(own, { subject, data: message }, operation);
      const call = new Call(link, subject, timeout, handler, operation);
      if (mode === 'core') call.send(message, headers);
      else call.store(message, headers, publishOptionsOf(options));
      return () => call.cancel();
    } catch (thrown) {
      operation?.fail(thrown);
      handler({ err: toError(thrown), isDisposed: true });
      return () => undefined;
    }
  }

  protected dispatchEvent<T>(packet: ReadPacket): Promise<T> {
    try {
      const { data, options } = contentOf(packet.data);
      const link = this.connected();
      const subject = this.subjectOf(packet);
      const headers = toHeaders(this.defaultHeaders(subject), packet.metadata, options.headers);
      if (options.mode === 'core') {
        link.send(subject, encodePacket(link.codec, envelopeOf(packet, { data })), headers);
        return Promise.resolve(undefined as T);
      }
      // The payload has no envelope, so that every consumer of the stream can read it; an envelope would only add the
      // pattern.
      const payload = givenBytes(data) ?? encodePayload(link.codecOfSubject(subject), data);
      const plain = options === NO_OPTIONS && headers === undefined;
      const publishing = plain ? undefined : { ...publishOptionsOf(options), headers };
      return link.jetstream.publish(subject, payload, publishing) as Promise<T>;
    } catch (thrown) {
      return Promise.reject(thrown);
    }
  }

  /** The packet of a call. Nest 12 has this method too; Nest 11 has neither it nor dispatch hooks. */
  protected override createPacket<TInput>(pattern: unknown, data: TInput): ReadPacket {
    const packet: ReadPacket = { pattern, data };
    this.onDispatchHook?.(packet);
    return packet;
  }

  protected override serializeError(error: unknown): unknown {
    if (error instanceof Error) return error;
    return new RpcException(typeof error === 'object' && error !== null ? error : String(error));
  }

  /** The first call connects. */
  private async connectAndStartRequest(
    pattern: unknown,
    data: unknown,
    subscriber: Subscriber<unknown>,
  ): Promise<void> {
    try {
      await this.connect();
    } catch (error) {
      return subscriber.error(error);
    }
    if (!subscriber.closed) this.startRequest(pattern, data, subscriber);
  }

  /** Sends a request for a subscriber; it is cancelled if the subscriber unsubscribes before its last answer. */
  private startRequest(pattern: unknown, data: unknown, subscriber: Subscriber<unknown>): void {
    try {
      const packet = this.createPacket(pattern, data);
      subscriber.add(this.publish(packet, this.createObserver(subscriber)));
    } catch (thrown) {
      subscriber.error(thrown);
    }
  }

  /**
   * The first call connects. Events that wait for the connection are dispatched in the order in which they were
   * emitted.
   */
  private async connectAndStartEvent<T>(event: EmittedEvent<T>, data: unknown): Promise<void> {
    this.waitingEvents++;
    try {
      await this.connect();
    } catch (error) {
      return event.error(error);
    } finally {
      this.waitingEvents--;
    }
    this.startEvent(event, data);
  }

  /**
   * Publishes an event in the turn in which it is called; the outcome is delivered later, so that the caller has time
   * to subscribe.
   */
  private startEvent<T>(event: EmittedEvent<T>, data: unknown): void {
    try {
      void event.follow(this.dispatchEvent<T>(this.createPacket(event.pattern, data)));
    } catch (thrown) {
      void event.follow(Promise.reject(thrown));
    }
  }

  private defaultHeaders(subject: string): PublishHeaders | undefined {
    return defaultHeaders('headers', this.options.headers, subject);
  }

  /** @throws {@link InvalidArgumentError}, {@link InvalidSubjectError} */
  private subjectOf({ pattern }: ReadPacket): string {
    let subject: unknown;
    try {
      subject = this.normalizePattern(pattern as string);
    } catch (cause) {
      throw new InvalidArgumentError('pattern', errorText(cause), { cause });
    }
    assertSubject(subject);
    return subject;
  }

  private open(): Promise<TransportLink> {
    if (this.opening) return this.opening;
    const { publish = {}, ...options } = linkInTest(this.options, this.shutdown?.testing);
    this.stopOpening = new AbortController();
    const { signal } = this.stopOpening;
    const opening = TransportLink.open(
      this.name,
      { ...options, connection: impatient(options.connection) },
      publish,
      {
        onStatus: (status) => this._status$.next(status),
        onEvent: (event, ...args) => this.events.emit(event, ...args),
      },
      signal,
    ).catch((cause: unknown) => {
      throw signal.aborted ? new ConnectionClosedError(this.name, { cause }) : cause;
    });
    this.opening = opening;
    // The connection may have been closed, and opened again, in the meantime.
    opening.then(
      (link) => {
        if (this.opening === opening) this.link = link;
      },
      () => {
        if (this.opening === opening) this.opening = undefined;
      },
    );
    return opening;
  }

  private async closeLink(budget: TimeBudget): Promise<void> {
    const { opening, stopOpening } = this;
    this.opening = undefined;
    this.link = undefined;
    if (opening === undefined) return;
    // A connection that is about to open is closed afterwards, so that its callers do not fail.
    if (!(await within(ALMOST_OPEN, opening))) stopOpening.abort();
    // A connection that fails to open does not have to be closed.
    const link = await opening.catch(() => undefined);
    if (link === undefined) return;
    // The requests to stop must be sent to the services while the connection is still open.
    link.requests.close();
    await link.close(budget);
  }

  /** The subject of a pattern for the log. */
  private nameOf(pattern: unknown): string {
    try {
      return this.normalizePattern(pattern as string);
    } catch {
      return 'a pattern that cannot be read';
    }
  }

  private connected(): TransportLink {
    if (this.link) return this.link;
    throw new TransportNotConnectedError(`The JetStreamClient "${this.name}"`, 'await connect() first');
  }
}

function isMissing(value: unknown): boolean {
  return value === undefined || value === null;
}

/** As with Nest's own clients, a call fails if there is no server, instead of waiting for one. */
function impatient(
  connection: JetStreamClientOptions['connection'] = {},
): JetStreamClientOptions['connection'] {
  if (connection instanceof JetStreamService || isConnection(connection)) return connection;
  const { options } = readConnectionOptions(connection);
  return { ...options, waitOnFirstConnect: options.waitOnFirstConnect ?? false };
}
