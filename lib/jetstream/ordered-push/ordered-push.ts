import { nuid, type Msg, type Subscription } from '@nats-io/transport-node';
import { toConnectionError } from '../../connection/index.js';
import {
  ConnectionClosedError,
  JetStreamApiError,
  MaxConsumersExceededError,
  SequenceNotReachedError,
  StreamNotFoundError,
} from '../../errors/index.js';
import { toError } from '../../reporting/index.js';
import { createInboxOf } from '../../requests/index.js';
import { Backoff, Deadline, Interval, Timer } from '../../timing/index.js';
import { type CallOptions, caughtUp, type JetStreamApi, type StreamProgress } from '../api/index.js';
import { DeliveryPosition, JetStreamMessage } from '../message/index.js';
import { DeliveredSubjects } from '../receiving/index.js';
import {
  DEFAULT_HEARTBEAT,
  wireConfig,
  type OrderedPushConfig,
  type OrderedPushReset,
  type OrderedPushStart,
  type OrderedPushStarted,
} from './ordered-push-config.js';

/**
 * The callbacks of an {@link OrderedPush}. None of them may throw, except that an error of `onMessage` ends the push.
 */
export interface OrderedPushOwner {
  /** Called with the next message: in stream order, without gaps or repeats. */
  onMessage(message: JetStreamMessage, streamSequence: number): void;
  /**
   * Called when a consumer was created: the first one, or one that continues after a reset. It is called before the
   * messages of the consumer.
   */
  onStart?(start: OrderedPushStarted): void;
  /**
   * Called when the server has no more messages to deliver for now, up to this sequence of the stream. It depends on
   * heartbeats, so it is not immediate.
   */
  onIdle?(streamSequence: number): void;
  /** Called when delivery was interrupted; it continues automatically. */
  onReset?(reason: OrderedPushReset): void;
  /** Called when delivery ended, except by `stop`. Called at most once, and never by a failing `start`. */
  onError(error: Error): void;
}

/** The pauses between attempts to create a consumer, in milliseconds. */
const PAUSES = { first: 100, longest: 5_000 };
/** Silence is checked several times per heartbeat interval, so that it is detected soon after two missed heartbeats. */
const TICKS_PER_HEARTBEAT = 4;
/** In milliseconds. Very short heartbeats may be late when the server is busy. */
const SHORTEST_TICK = 50;
const SILENT_TICKS = 2 * TICKS_PER_HEARTBEAT + 1;

/**
 * An ordered, flow-controlled, ephemeral push consumer (ADR-17): the fastest way to read a stream.
 *
 * It creates a consumer on the server and checks its sequences. After a gap, missed heartbeats or a reconnect it
 * creates another one, which continues after the last delivered message. Messages need no acknowledgement.
 */
export class OrderedPush {
  private readonly position = new DeliveryPosition();
  private forget: (() => void) | undefined;
  private monitor: Interval | undefined;
  private readonly delivered: DeliveredSubjects;
  private consumer = '';
  private subscription: Subscription | undefined;
  /** Messages that arrive before the server has confirmed the creation of the consumer; `undefined` afterwards. */
  private early: Msg[] | undefined;
  /** When the stream was created, if known. */
  private created: number | undefined;
  /** When the server created the last consumer: the stream was created before that. */
  private consumerCreated: number | undefined;
  /** The deadline of waiting for a missing stream. */
  private missing: Deadline | undefined;
  /** The last sequence that was delivered or skipped; `undefined` while only the server knows it. */
  private streamSequence: number | undefined;
  /** The highest sequence that the stream is known to have reached. */
  private reached = 0;
  private consumerSequence = 0;
  /** Whether the consumer works through a list of last messages, at which it may get stuck. */
  private listed = false;
  /** The number of messages in that list. */
  private listSize = 0;
  /** The number of resets since the last delivery. */
  private attempts = 0;
  /** Counts the calls of `goOn`, so that a late failure of one call can detect a later call. */
  private runs = 0;
  private silentTicks = 0;
  private retry: Timer | undefined;
  private readonly backoff = new Backoff(PAUSES);
  private connected = true;
  private started = false;
  private stopped = false;
  private paused = false;
  private withheld = '';

  /** The constructor sends nothing; call `start`. */
  constructor(
    private readonly api: JetStreamApi,
    private readonly config: OrderedPushConfig,
    private readonly owner: OrderedPushOwner,
  ) {
    this.created = config.origin?.created.getTime();
    const consumer = (): string => this.consumer || (config.namePrefix ?? 'ordered');
    this.delivered = new DeliveredSubjects({
      stream: config.stream,
      get consumer() {
        return consumer();
      },
    });
  }

  /**
   * Creates the consumer. Its first messages may have been delivered when this resolves.
   *
   * @throws {@link StreamNotFoundError} and other API errors; no consumer is then left on the server
   * @throws {@link SequenceNotReachedError} with `verifyStart`
   * @throws {@link UnsupportedServerFeatureError} for several filter subjects on a server older than 2.10
   */
  async start(options: CallOptions = {}): Promise<void> {
    const { api, config } = this;
    if ((config.filterSubjects?.length ?? 0) > 1)
      api.connection.require('A consumer with several filter subjects', '2.10.0');
    this.forget = api.connection.listen({
      onDisconnect: () => (this.connected = false),
      onReconnect: () => this.reconnected(),
      onClose: (cause) => this.fail(new ConnectionClosedError(api.connection.name, { cause })),
    });
    const tick = Math.max(SHORTEST_TICK, (config.heartbeat ?? DEFAULT_HEARTBEAT) / TICKS_PER_HEARTBEAT);
    this.monitor = new Interval(tick, () => this.checkSilence(), { keepsAlive: false });
    try {
      const restarted = await this.startIsVoid(options);
      const start = restarted ? this.restartedStart() : await this.firstStart(options);
      await this.create(start, restarted, options);
    } catch (error) {
      this.stop();
      throw toConnectionError(error, api.connection);
    }
  }

  /** The number of messages after the one that `onMessage` is called with. */
  get pending(): number {
    return this.position.pending;
  }

  /**
   * Withholds the replies to flow control, so that the server stops sending. Messages that it has already sent still
   * arrive: less than its window, which starts at 2 MiB and grows up to 32 MiB while the owner keeps up.
   */
  pause(): void {
    this.paused = true;
  }

  /** Lets the server send again. */
  resume(): void {
    this.paused = false;
    if (this.withheld !== '') this.answerFlowControl(this.withheld);
  }

  /** Replaces a consumer whose server lacks messages: the servers may choose another replica for the next one. */
  moveOn(): void {
    if (this.connected && !this.early && !this.retry) this.reset('behind');
  }

  /** Ends delivery at once and deletes the consumer. */
  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    this.forget?.();
    this.monitor?.cancel();
    this.retry?.cancel();
    this.abandonConsumer();
  }

  private async create(
    start: OrderedPushStart | undefined,
    restarted: boolean,
    options: CallOptions = {},
  ): Promise<void> {
    const { api, config } = this;
    const consumer = `${config.namePrefix ?? 'ordered'}_${nuid.next()}`;
    const inbox = createInboxOf(api.connection.nc);
    this.consumer = consumer;
    this.consumerSequence = 0;
    this.listed = start !== undefined && 'policy' in start && start.policy === 'last_per_subject';
    this.withheld = '';
    this.early = [];
    this.subscription = api.connection.wire.subscribe(inbox, {
      callback: (error, msg) => this.receive(error, msg, consumer),
    });
    const filter = config.filterSubjects?.length === 1 ? `.${config.filterSubjects[0]}` : '';
    const info = await api.call<ConsumerInfo>(
      `CONSUMER.CREATE.${config.stream}.${consumer}${filter}`,
      {
        stream_name: config.stream,
        config: { ...wireConfig(config, start), name: consumer, deliver_subject: inbox },
      },
      { ...options, stream: config.stream, consumer },
    );
    if (this.stopped || this.consumer !== consumer) return;
    this.started = true;
    this.missing = undefined;
    this.backoff.succeeded();
    this.consumerCreated = Date.parse(info.created);
    // The server may have started to deliver before it responded.
    this.listSize = info.num_pending + info.delivered.consumer_seq;
    this.owner.onStart?.({ pending: this.listSize, restarted });
    this.deliverEarly();
  }

  private deliverEarly(): void {
    const { consumer, early = [] } = this;
    this.early = undefined;
    for (const msg of early) this.receive(null, msg, consumer);
  }

  private receive(error: Error | null, msg: Msg, consumer: string): void {
    if (this.stopped || consumer !== this.consumer) return;
    if (error) return this.fail(error);
    if (this.early) return void this.early.push(msg);
    if (!this.position.read(msg)) return this.receiveStatus(msg);
    this.silentTicks = 0;
    const { position } = this;
    if (position.consumerSequence !== this.consumerSequence + 1) return this.reset('gap');
    this.consumerSequence = position.consumerSequence;
    this.streamSequence = position.streamSequence;
    this.reached = position.streamSequence;
    this.attempts = 0;
    try {
      this.owner.onMessage(new JetStreamMessage(msg, this.api.requests), position.streamSequence);
    } catch (thrown) {
      this.fail(toError(thrown));
    }
  }

  private receiveStatus(msg: Msg): void {
    const { headers, reply, subject } = msg;
    const stalled = headers?.get('Nats-Consumer-Stalled');
    const answerTo = reply || stalled;
    // Any client that knows the subject can publish to it; only flow-control requests are answered.
    if (!headers?.code || msg.data.length > 0 || (answerTo && !this.delivered.isFlowControl(answerTo)))
      return this.delivered.ignore(subject, answerTo);
    this.silentTicks = 0;
    if (headers.code !== 100) return this.resetLater('refused');
    if (reply) return this.flowControl(reply);
    const lastDelivered = Number(headers.get('Nats-Last-Consumer'));
    if (lastDelivered !== this.consumerSequence) return this.reset('gap');
    this.attempts = 0;
    if (stalled) this.flowControl(stalled);
    else if (this.withheld === '') this.idle(Number(headers.get('Nats-Last-Stream')));
  }

  private idle(streamSequence: number): void {
    if (this.listed) void this.checkList(streamSequence);
    else this.owner.onIdle?.(streamSequence);
  }

  /**
   * A consumer of the last message of each subject lists them when it is created. If one of them is replaced before it
   * is sent, nats-server waits for the next message of the stream before it continues with the list; without such a
   * message it is stuck. A new consumer that continues after the last delivered message has no such list. Older servers
   * report that nothing is pending although they are stuck, so the messages are counted too.
   */
  private async checkList(streamSequence: number): Promise<void> {
    const { consumer, consumerSequence } = this;
    const pending = await this.pendingOnServer();
    if (this.stopped || consumer !== this.consumer || consumerSequence !== this.consumerSequence) return;
    if (pending > 0 || consumerSequence < this.listSize) return this.reset('stuck');
    this.listed = false;
    this.owner.onIdle?.(streamSequence);
  }

  /** The number of messages that the consumer has to deliver; 0 if the server does not report it. */
  private async pendingOnServer(): Promise<number> {
    const { api, config, consumer } = this;
    const { stream } = config;
    try {
      const operation = `CONSUMER.INFO.${stream}.${consumer}`;
      return (await api.call<ConsumerInfo>(operation, undefined, { stream, consumer })).num_pending;
    } catch {
      // A deleted consumer is detected by its silence.
      return 0;
    }
  }

  private flowControl(subject: string): void {
    if (this.paused) this.withheld = subject;
    else this.answerFlowControl(subject);
  }

  private answerFlowControl(subject: string): void {
    this.withheld = '';
    this.api.connection.post(subject, '', { purpose: 'a flow-control reply' });
  }

  private checkSilence(): void {
    if (this.early || this.retry || !this.connected) return;
    if (++this.silentTicks >= SILENT_TICKS) this.reset('silence');
  }

  private reconnected(): void {
    this.connected = true;
    if (!this.started) return;
    this.attempts = 0;
    this.reset('reconnected');
  }

  /**
   * Creates another consumer: immediately the first time, then with growing pauses as long as no message is delivered.
   */
  private reset(reason: OrderedPushReset): void {
    if (this.stopped) return;
    this.abandonConsumer();
    this.owner.onReset?.(reason);
    if (this.attempts++ === 0) void this.goOn();
    else this.goOnLater();
  }

  private resetLater(reason: OrderedPushReset): void {
    this.attempts = Math.max(1, this.attempts);
    this.reset(reason);
  }

  private async goOn(): Promise<void> {
    this.retry?.cancel();
    this.retry = undefined;
    // No consumer can be created while disconnected; the reconnect triggers a reset.
    if (!this.connected) return;
    const run = ++this.runs;
    try {
      const restarted = await this.streamWasRecreated();
      if (this.stopped || run !== this.runs) return;
      await this.create(restarted ? this.restartedStart() : this.nextStart(), restarted);
    } catch (thrown) {
      if (this.stopped || run !== this.runs) return;
      const error = toConnectionError(thrown, this.api.connection);
      if (isFinal(error) && !this.mayComeBack(error)) return this.fail(error);
      this.abandonConsumer();
      this.attempts++;
      this.goOnLater();
    }
  }

  /** Whether the error means that the stream is missing, and it may be created again. */
  private mayComeBack(error: Error): boolean {
    if (!(error instanceof StreamNotFoundError)) return false;
    this.missing ??= new Deadline(this.config.missingStreamPatience ?? 0);
    return !this.missing.passed;
  }

  /** Whether the start sequence belongs to another incarnation of the stream. */
  private async startIsVoid(options: CallOptions): Promise<boolean> {
    const { start, verifyStart } = this.config;
    if (!verifyStart || start === undefined || !('startSequence' in start)) return false;
    this.streamSequence = this.reached = start.startSequence - 1;
    const { created, state, config } = await caughtUp(
      () => this.streamInfo(options),
      this.reached,
      this.created,
      options.signal,
    );
    if (this.isOther(Date.parse(created))) return this.streamWasRecreated();
    const { startSequence } = start;
    if (state.last_seq < startSequence - 1) {
      if (!config.mirror)
        throw new SequenceNotReachedError(this.config.stream, startSequence, state.last_seq);
      this.reached = state.last_seq;
    }
    return false;
  }

  /** The start as a sequence: it identifies new messages, so that none is lost if the first reset is early. */
  private async firstStart(options: CallOptions): Promise<OrderedPushStart | undefined> {
    const { start } = this.config;
    if (start === undefined) this.streamSequence = 0;
    else if ('startSequence' in start) this.streamSequence = start.startSequence - 1;
    else if (start.policy === 'all') this.streamSequence = 0;
    else if (start.policy === 'new')
      this.streamSequence = this.reached = (await this.streamInfo(options)).state.last_seq;
    return this.nextStart();
  }

  private nextStart(): OrderedPushStart | undefined {
    return this.streamSequence === undefined ? this.config.start : { startSequence: this.streamSequence + 1 };
  }

  /** Whether the stream ends before the last delivered message, or was created again under the same name. */
  private async streamWasRecreated(): Promise<boolean> {
    const info = await caughtUp(() => this.streamInfo(), this.reached, this.created);
    const created = Date.parse(info.created);
    const other = this.isOther(created);
    this.created = created;
    return this.streamSequence !== undefined && (other || info.state.last_seq < this.reached);
  }

  /** Whether a stream with this creation time is another incarnation. */
  private isOther(created: number): boolean {
    if (this.created === undefined || this.created === created) return false;
    // The configured time may belong to a stream that was deleted before this push started.
    const existedAt = this.consumerCreated ?? this.config.origin?.timestamp?.getTime();
    return existedAt === undefined || created > existedAt;
  }

  /** All messages of a new stream are new, but possibly only the last message of each subject is requested. */
  private restartedStart(): OrderedPushStart | undefined {
    const { start } = this.config;
    const isLast =
      start && 'policy' in start && (start.policy === 'last' || start.policy === 'last_per_subject');
    this.streamSequence = isLast ? undefined : 0;
    this.reached = 0;
    return this.nextStart();
  }

  private streamInfo(options: CallOptions = {}): Promise<StreamProgress> {
    const { stream } = this.config;
    return this.api.call<StreamProgress>(`STREAM.INFO.${stream}`, undefined, { ...options, stream });
  }

  private goOnLater(): void {
    this.retry?.cancel();
    this.retry = new Timer(this.backoff.next(), () => void this.goOn(), { keepsAlive: false });
  }

  private fail(error: Error): void {
    if (this.stopped) return;
    const { started } = this;
    this.stop();
    if (started) this.owner.onError(error);
  }

  private abandonConsumer(): void {
    const { consumer, subscription, api, config } = this;
    this.consumer = '';
    this.early = undefined;
    this.silentTicks = 0;
    if (subscription && !subscription.isClosed()) subscription.unsubscribe();
    if (consumer === '' || !this.connected || api.connection.nc.isClosed()) return;
    const subject = `${api.connection.apiPrefix}.CONSUMER.DELETE.${config.stream}.${consumer}`;
    // The response does not matter: a consumer without a listener is removed after inactiveThreshold anyway.
    api.requests.send(subject, '', {}, () => undefined);
  }
}

interface ConsumerInfo {
  readonly created: string;
  readonly num_pending: number;
  readonly delivered: { readonly consumer_seq: number };
}

function isFinal(error: unknown): error is Error {
  if (error instanceof ConnectionClosedError) return true;
  if (error instanceof MaxConsumersExceededError) return false;
  return error instanceof JetStreamApiError && error.status >= 400 && error.status < 500;
}
