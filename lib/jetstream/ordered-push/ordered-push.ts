import { nuid, type Msg, type Subscription } from '@nats-io/transport-node';
import { toConnectionError } from '../../connection/index.js';
import {
  ConnectionClosedError,
  JetStreamApiError,
  MaximumConsumersError,
  SequenceNotReachedError,
  StreamNotFoundError,
} from '../../errors/index.js';
import { toError } from '../../reporting/index.js';
import { createInboxOf } from '../../requests/index.js';
import { Backoff, Deadline, Interval, Timer } from '../../timing/index.js';
import type { JetStreamApi } from '../api/index.js';
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

/** What an {@link OrderedPush} tells its owner. None of these may throw; what `onMessage` throws ends the push. */
export interface OrderedPushOwner {
  /** The next message: in stream order, without gaps, without repeats. */
  onMessage(message: JetStreamMessage, streamSequence: number): void;
  /** A consumer was made: the first one, or one that goes on after a reset. Comes before its messages. */
  onStart?(start: OrderedPushStarted): void;
  /**
   * The server has nothing left to deliver for now, up to that sequence of the stream. Comes with heartbeats, not at
   * once.
   */
  onIdle?(streamSequence: number): void;
  /** Delivery was interrupted; it goes on by itself. */
  onReset?(reason: OrderedPushReset): void;
  /** Delivery ended, and not by `stop`. Called once at most, and never by a failing `start`. */
  onError(error: Error): void;
}

/** The pauses between attempts to make a consumer, in milliseconds. */
const PAUSES = { first: 100, longest: 5_000 };
/** Silence is looked for several times in an interval of heartbeats, so that it is noticed soon after two were missed. */
const TICKS_PER_HEARTBEAT = 4;
/** In milliseconds: very short heartbeats are late when the server is busy. */
const SHORTEST_TICK = 50;
const SILENT_TICKS = 2 * TICKS_PER_HEARTBEAT + 1;

/**
 * An ordered, flow-controlled, ephemeral push consumer (ADR-17): the fastest way to read a stream.
 *
 * It makes a consumer on the server and follows its sequences. After a gap, missed heartbeats or a reconnect it makes
 * another one, which goes on after the last message delivered. Messages need no acknowledgement.
 */
export class OrderedPush {
  private readonly position = new DeliveryPosition();
  private forget: (() => void) | undefined;
  private monitor: Interval | undefined;
  private readonly delivered: DeliveredSubjects;
  private consumer = '';
  private subscription: Subscription | undefined;
  /** What arrives before the server's word that the consumer is made; `undefined` afterwards. */
  private early: Msg[] | undefined;
  /** When the stream was created, as far as is known. */
  private created: number | undefined;
  /** When the server made the last consumer: the stream was created before that. */
  private consumerCreated: number | undefined;
  /** Until when a stream that is missing is waited for. */
  private missing: Deadline | undefined;
  /** The last sequence that was delivered, or was not to be; `undefined` while only the server knows. */
  private streamSequence: number | undefined;
  /** The stream is known to have reached that sequence. */
  private reached = 0;
  private consumerSequence = 0;
  /** Whether the consumer works through a list of last messages, at which it may get stuck. */
  private listed = false;
  /** How many messages that list had. */
  private listSize = 0;
  /** Counts the resets without a delivery since. */
  private attempts = 0;
  /** Counts the calls of `goOn`, so that one that failed late knows of a later one. */
  private runs = 0;
  private silentTicks = 0;
  private retry: Timer | undefined;
  private readonly backoff = new Backoff(PAUSES);
  private connected = true;
  private started = false;
  private stopped = false;
  private paused = false;
  private withheld = '';

  /** `start` does the work. */
  constructor(
    private readonly api: JetStreamApi,
    private readonly config: OrderedPushConfig,
    private readonly owner: OrderedPushOwner,
  ) {
    this.created = config.streamCreated?.getTime();
    const consumer = (): string => this.consumer || (config.namePrefix ?? 'ordered');
    this.delivered = new DeliveredSubjects({
      stream: config.stream,
      get consumer() {
        return consumer();
      },
    });
  }

  /**
   * Makes the consumer. Its first messages may have been delivered when this resolves.
   *
   * @throws {@link StreamNotFoundError} and what else the server answers; nothing is left behind then
   * @throws {@link SequenceNotReachedError} with `verifyStart`
   * @throws {@link UnsupportedServerFeatureError} for several filter subjects on a server older than 2.10
   */
  async start(): Promise<void> {
    const { api, config } = this;
    if ((config.filterSubjects?.length ?? 0) > 1) api.connection.require('Several filter subjects', '2.10.0');
    this.forget = api.connection.listen({
      onDisconnect: () => (this.connected = false),
      onReconnect: () => this.reconnected(),
      onClose: (cause) => this.fail(new ConnectionClosedError(api.connection.name, { cause })),
    });
    const tick = Math.max(SHORTEST_TICK, (config.heartbeat ?? DEFAULT_HEARTBEAT) / TICKS_PER_HEARTBEAT);
    this.monitor = new Interval(tick, () => this.checkSilence(), { keepsAlive: false });
    try {
      const restarted = await this.startIsVoid();
      await this.create(restarted ? this.restartedStart() : await this.firstStart(), restarted);
    } catch (error) {
      this.stop();
      throw toConnectionError(error, api.connection);
    }
  }

  /** How many messages there are after the one that `onMessage` is called with. */
  get pending(): number {
    return this.position.pending;
  }

  /**
   * Withholds the replies to flow control, so that the server stops sending. What it has sent already still comes:
   * less than its window, which begins at 2 MiB and grows up to 32 MiB while the owner keeps up.
   */
  pause(): void {
    this.paused = true;
  }

  /** Lets the server send again. */
  resume(): void {
    this.paused = false;
    if (this.withheld !== '') this.answerFlowControl(this.withheld);
  }

  /** Ends delivery at once and has the consumer deleted. */
  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    this.forget?.();
    this.monitor?.cancel();
    this.retry?.cancel();
    this.abandonConsumer();
  }

  private async create(start: OrderedPushStart | undefined, restarted = false): Promise<void> {
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
      { stream: config.stream, consumer },
    );
    if (this.stopped || this.consumer !== consumer) return;
    this.started = true;
    this.missing = undefined;
    this.backoff.succeeded();
    this.consumerCreated = Date.parse(info.created);
    // The server may have begun to deliver before it answered.
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
    // Anybody who knows the subject can publish to it; only flow control is answered.
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
   * A consumer of the last message of each subject lists them when it is created. If one of them is replaced before it is
   * sent, nats-server waits for the next message of the stream before it goes on with the list: without one it is stuck.
   * Another consumer, which goes on after the last message delivered, has no such list. Older servers say that nothing is
   * pending although they are stuck, so the messages are counted too.
   */
  private async checkList(streamSequence: number): Promise<void> {
    const { consumer, consumerSequence } = this;
    const pending = await this.pendingOnServer();
    if (this.stopped || consumer !== this.consumer || consumerSequence !== this.consumerSequence) return;
    if (pending > 0 || consumerSequence < this.listSize) return this.reset('stuck');
    this.listed = false;
    this.owner.onIdle?.(streamSequence);
  }

  /** How many messages the consumer has to deliver; 0 if the server does not say. */
  private async pendingOnServer(): Promise<number> {
    const { api, config, consumer } = this;
    const { stream } = config;
    try {
      const operation = `CONSUMER.INFO.${stream}.${consumer}`;
      return (await api.call<ConsumerInfo>(operation, undefined, { stream, consumer })).num_pending;
    } catch {
      // A consumer that is gone is noticed by its silence.
      return 0;
    }
  }

  private flowControl(subject: string): void {
    if (this.paused) this.withheld = subject;
    else this.answerFlowControl(subject);
  }

  private answerFlowControl(subject: string): void {
    this.withheld = '';
    this.api.connection.post(subject, '', { purpose: 'a flow control reply' });
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

  /** Makes another consumer: at once the first time, with growing pauses as long as nothing is delivered. */
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
    // Nothing can be made while disconnected; the reconnect makes a reset.
    if (!this.connected) return;
    const run = ++this.runs;
    try {
      const restarted = await this.streamWasMadeAnew();
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

  /** Whether a stream is missing that may be created again. */
  private mayComeBack(error: Error): boolean {
    if (!(error instanceof StreamNotFoundError)) return false;
    this.missing ??= new Deadline(this.config.missingStreamPatience ?? 0);
    return !this.missing.passed;
  }

  /** Whether the sequence to start with belongs to another stream than this one. */
  private async startIsVoid(): Promise<boolean> {
    const { start, verifyStart } = this.config;
    if (!verifyStart || start === undefined || !('startSequence' in start)) return false;
    this.streamSequence = this.reached = start.startSequence - 1;
    const { created, state, config } = await this.streamInfo();
    if (this.isOther(Date.parse(created))) return this.streamWasMadeAnew();
    const { startSequence } = start;
    if (state.last_seq < startSequence - 1) {
      if (!config.mirror)
        throw new SequenceNotReachedError(this.config.stream, startSequence, state.last_seq);
      this.reached = state.last_seq;
    }
    return false;
  }

  /** What is new is told from what is not by sequence, so that nothing gets lost where the first reset comes early. */
  private async firstStart(): Promise<OrderedPushStart | undefined> {
    const { start } = this.config;
    if (start === undefined) this.streamSequence = 0;
    else if ('startSequence' in start) this.streamSequence = start.startSequence - 1;
    else if (start.policy === 'all') this.streamSequence = 0;
    else if (start.policy === 'new')
      this.streamSequence = this.reached = (await this.streamInfo()).state.last_seq;
    return this.nextStart();
  }

  private nextStart(): OrderedPushStart | undefined {
    return this.streamSequence === undefined ? this.config.start : { startSequence: this.streamSequence + 1 };
  }

  /** Whether the stream ends before the last message delivered, or is another one of the same name. */
  private async streamWasMadeAnew(): Promise<boolean> {
    const info = await this.streamInfo();
    const created = Date.parse(info.created);
    const other = this.isOther(created);
    this.created = created;
    return this.streamSequence !== undefined && (other || info.state.last_seq < this.reached);
  }

  /** Whether a stream that was created at that time is another one than before. */
  private isOther(created: number): boolean {
    if (this.created === undefined || this.created === created) return false;
    // The configured time may be that of a stream which was gone before this push began.
    return this.consumerCreated === undefined || created > this.consumerCreated;
  }

  /** All that a new stream holds is new, but of each subject only the last message may be wanted. */
  private restartedStart(): OrderedPushStart | undefined {
    const { start } = this.config;
    const isLast =
      start && 'policy' in start && (start.policy === 'last' || start.policy === 'last_per_subject');
    this.streamSequence = isLast ? undefined : 0;
    this.reached = 0;
    return this.nextStart();
  }

  private streamInfo(): Promise<StreamInfo> {
    const { stream } = this.config;
    return this.api.call<StreamInfo>(`STREAM.INFO.${stream}`, undefined, { stream });
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
    // The answer does not matter: a consumer without a listener is removed after inactiveThreshold anyway.
    api.requests.send(subject, '', {}, () => undefined);
  }
}

interface StreamInfo {
  readonly config: { readonly mirror?: object | null };
  readonly created: string;
  readonly state: { readonly last_seq: number };
}

interface ConsumerInfo {
  readonly created: string;
  readonly num_pending: number;
  readonly delivered: { readonly consumer_seq: number };
}

function isFinal(error: unknown): error is Error {
  if (error instanceof ConnectionClosedError) return true;
  if (error instanceof MaximumConsumersError) return false;
  return error instanceof JetStreamApiError && error.status >= 400 && error.status < 500;
}
