import { Logger } from '@nestjs/common';
import {
  Server,
  type CustomTransportStrategy,
  type BaseRpcContext,
  type MessageHandler,
  type Transport,
} from '@nestjs/microservices';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Observable } from 'rxjs';
import {
  type ApplicationShutdown,
  type ListeningServer,
  registerShutdownMember,
  reportPipeRefusals,
} from '../../consuming/index.js';
import { TransportNotConnectedError } from '../../errors/index.js';
import { printable } from '../../reporting/index.js';
import { UserCalls } from '../../user-code/index.js';
import { checkedOptions } from '../../validation/index.js';
import type { ProcessingHooks } from '../serving/index.js';
import { TransportEvents } from '../transport-events.js';
import { checkSharing, type JetStreamTransportStatus } from '../transport-link.js';
import { refuseServers } from '../transport-options.js';
import type { JetStreamServerEvents } from './jetstream-server-events.js';
import type { JetStreamServerOptions } from './jetstream-server-options.interface.js';
import { type DeclaredPattern, type DescribedPattern, describePattern } from './described-pattern.js';
import { SERVER_OPTIONS } from './known-options.js';
import { describe, type Registration } from './registration.js';
import { RunningServer } from './running-server.js';
import { serverInTest } from './server-in-test.js';

/**
 * The transport id of a server by default. Handlers that are only for this transport name it.
 *
 * @example
 * ```ts
 * @EventPattern('orders.created', JETSTREAM_TRANSPORT)
 * ```
 */
export const JETSTREAM_TRANSPORT = Symbol('JETSTREAM_TRANSPORT');

/**
 * Serves Nest microservices on NATS and JetStream: a transport strategy for `createMicroservice` and
 * `connectMicroservice`.
 *
 * - `@EventPattern` consumes a stream, durably: an event is acknowledged when its handler has ended, is delivered again
 *   if it failed, and becomes a dead letter if it cannot be handled. Handlers change this with their
 *   {@link EventExtras}.
 * - `@MessagePattern` answers requests over core NATS, with a value or with all values of an observable or asynchronous
 *   iterable; with {@link RequestExtras} durably, through a stream.
 *
 * Nest's own pipeline (guards, interceptors, pipes, filters, request scope, pre-request hooks) runs for every handler.
 * The server uses the wire format of Nest's `Transport.NATS`.
 *
 * @example
 * ```ts
 * const app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, {
 *   strategy: new JetStreamServer({ name: 'billing', connection: { servers: 'nats://localhost:4222' } }),
 * });
 * ```
 */
export class JetStreamServer
  extends Server<JetStreamServerEvents, JetStreamTransportStatus>
  implements CustomTransportStrategy
{
  override transportId: Transport | symbol = JETSTREAM_TRANSPORT;
  /** Errors of event handlers are settled and logged here, so Nest does not have to log them. */
  override readonly propagatesEventHandlerErrors = true;
  private readonly options: JetStreamServerOptions;
  private readonly registrations: Registration[] = [];
  private readonly events = new TransportEvents('JetStreamServer');
  private readonly noStartHook = this.onProcessingStartHook;
  private readonly hookCalls = new UserCalls(new Logger(JetStreamServer.name));
  private running: RunningServer | undefined;
  private shutdown: ApplicationShutdown | undefined;
  /** Aborted when the server is closed, which also stops a startup in progress. */
  private starting = new AbortController();

  /**
   * @throws {@link InvalidArgumentError} if the name is missing, options are unknown or invalid, or options do not
   * apply to a shared connection
   */
  constructor(options: JetStreamServerOptions) {
    super();
    refuseServers('JetStreamServer', options, '{ name, connection: { servers } }');
    this.options = checkedOptions<JetStreamServerOptions>('JetStreamServer', options, SERVER_OPTIONS);
    checkSharing(this.options);
    reportPipeRefusals();
    registerShutdownMember(this);
  }

  /** Whether the server is connected, from now on. Errors of a subscriber are logged. */
  override get status(): Observable<JetStreamTransportStatus> {
    return this.events.fence(super.status, 'the status');
  }

  override addHandler(
    pattern: unknown,
    callback: MessageHandler,
    isEventHandler = false,
    extras: Record<string, unknown> = {},
  ): void {
    callback.isEventHandler = isEventHandler;
    callback.extras = extras;
    const subject = this.normalizePattern(pattern as string);
    const registration = { pattern: subject, isEvent: isEventHandler, extras, handler: callback };
    // Handlers of the same event are not chained, unlike in Nest's own servers, because each may have its own consumer.
    const known = this.registrations.some((other) => !other.isEvent && other.pattern === subject);
    if (!isEventHandler && known) {
      this.logger.warn(`There are several handlers of ${describe(registration)}: only the last one is used`);
    }
    this.registrations.push(registration);
    this.messageHandlers.set(subject, callback);
  }

  /**
   * Connects, creates streams and consumers, and starts serving; then calls back, with an error if the startup failed.
   * It never rejects.
   */
  async listen(callback: (error?: unknown) => void): Promise<void> {
    const { options, registrations } = serverInTest(
      { options: this.options, registrations: this.registrations },
      this.shutdown?.testing,
    );
    const { signal } = (this.starting = new AbortController());
    try {
      const running = await RunningServer.start(
        {
          options,
          registrations,
          hooks: this.hooks(),
          subjectOf: (pattern) => this.normalizePattern(pattern as string),
        },
        {
          onStatus: (status) => this._status$.next(status),
          onEvent: (event, ...args) => this.events.emit(event, ...args),
          onConsumerEvent: (event) => this.events.emit(event.type, event),
        },
        signal,
      );
      if (signal.aborted) await running.abort();
      else this.running = running;
    } catch (error) {
      if (!signal.aborted) return callback(error);
    }
    if (!signal.aborted) return callback();
    const name = `The JetStreamServer "${options.name}"`;
    callback(new TransportNotConnectedError(name, 'it was closed while it was starting'));
  }

  /**
   * Stops receiving and waits up to `shutdownTimeout` for handlers; then events are returned to the server, and
   * requests are cancelled. Closes the connection if the server opened it. In an application with a `JetStreamModule`,
   * this is part of its shutdown, and takes no time beyond the module's `shutdownTimeout`. It never rejects.
   */
  async close(): Promise<void> {
    const { running } = this;
    this.starting.abort();
    this.running = undefined;
    await running?.stop(this.shutdown);
  }

  /** @internal */
  joinShutdown(shutdown: ApplicationShutdown): void {
    this.shutdown = shutdown;
  }

  /** @internal Stops receiving and waits for handlers, as the first part of {@link close}. It never rejects. */
  async drain(timeout: number): Promise<void> {
    await this.running?.drain(timeout);
  }

  /** @internal What the server was created with, for documents. */
  get definition(): JetStreamServerOptions {
    return this.options;
  }

  /** @internal How a server with these options serves a pattern; without options, of a server that is not known. */
  static describe(pattern: DeclaredPattern, options?: JetStreamServerOptions): DescribedPattern {
    const subject = JetStreamServer.prototype.normalizePattern(pattern.pattern as string);
    return describePattern(subject, pattern, options);
  }

  /** @internal */
  get listening(): ListeningServer | undefined {
    return this.running?.listening;
  }

  /** Adds a listener for events of the connection and of consumers; see {@link JetStreamServerEvents}. */
  on<EventKey extends keyof JetStreamServerEvents, EventCallback extends JetStreamServerEvents[EventKey]>(
    event: EventKey,
    callback: EventCallback,
  ): void {
    this.events.on(event, callback);
  }

  /**
   * The server's `NatsConnection`.
   *
   * @throws {@link TransportNotConnectedError}
   */
  unwrap<T = NatsConnection>(): T {
    if (this.running) return this.running.link.nc as T;
    throw new TransportNotConnectedError(`The JetStreamServer "${this.options.name}"`, 'call listen() first');
  }

  /** The hooks of instrumentation, if any; without them handlers are not wrapped. */
  private hooks(): ProcessingHooks | undefined {
    if (this.onProcessingStartHook === this.noStartHook && !this.onProcessingEndHook) return undefined;
    return {
      transportId: this.transportId,
      start: (...args) => this.onProcessingStartHook(...args),
      end: (transportId, context) =>
        this.hookCalls.call(hookName('end', context), () => this.onProcessingEndHook?.(transportId, context)),
      onLateFailure: (context, error) => this.hookCalls.failed(hookName('start', context), error),
    };
  }
}

/** The name of a hook in the log. */
function hookName(hook: 'start' | 'end', context: BaseRpcContext): string {
  const { subject } = context as { readonly subject?: unknown };
  return `The ${hook} hook of a message on "${printable(String(subject))}"`;
}
