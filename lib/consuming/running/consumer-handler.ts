import { Logger } from '@nestjs/common';
import { ConnectionClosedError } from '../../errors/index.js';
import type { JetStreamMessage } from '../../jetstream/index.js';
import { counted, errorText, toError } from '../../reporting/index.js';
import { Backoff, recover, within } from '../../timing/index.js';
import type { JetStreamEvents } from '../events/index.js';
import { isAcknowledged, PINNED_GROUP, type ConsumerSource } from '../planning/index.js';
import { ConsumerReceiver, type ReadyConsumer } from './consumer-receiver.js';
import type { MessageRunner } from './message-runner.js';
import { ControlledHandler } from './handler-control.js';
import type { HandlerState } from './handler-runner.js';

const FIRST_RETRY = 250;
const LONGEST_RETRY = 30_000;
/** How long unpinning this instance may take, in milliseconds. */
const LONGEST_UNPIN = 500;
/** The delay of returning a schedule that must not be acknowledged, in milliseconds. */
const RETURN_SCHEDULE_FOR = 3_600_000;

/** Notifies a handler that its circuit breaker opened, with the reason, or closed. */
export type OnCircuit = (open: boolean, reason?: string) => void;

/** Creates the runner once the consumer's name is known. The signal is aborted when the handler has stopped. */
export type MakeRunner = (consumer: string, onCircuit: OnCircuit, stopped: AbortSignal) => MessageRunner;

/**
 * Runs one consumer handler: creates its consumer, keeps a loop on it, and creates both again, with backoff, if the
 * consumer or its stream is deleted.
 */
export class ConsumerHandler extends ControlledHandler {
  private consumer = '';
  /** See {@link HandlerRunner.lagAtStart}. */
  lagAtStart: number | undefined;
  private runner: MessageRunner | undefined;
  private stopped = new AbortController();
  private circuitOpen = false;
  private reportedSchedule = false;
  /** Holds the position to continue at, until the handler is started again. */
  private receiver: ConsumerReceiver;
  /** The backoff keeps growing if a consumer is lost again soon after its recovery. */
  private readonly backoff = new Backoff({ first: FIRST_RETRY, longest: LONGEST_RETRY });
  /** The recovery in progress. */
  private recovery: Promise<void> | undefined;

  constructor(
    private readonly source: ConsumerSource,
    private readonly makeRunner: MakeRunner,
    private readonly events: JetStreamEvents,
  ) {
    super(source.connection.jetstream.connection, new Logger('JsConsumer'));
    this.receiver = new ConsumerReceiver(source);
  }

  get state(): HandlerState {
    const { source, runner, circuitOpen } = this;
    return {
      handler: source.handler,
      kind: 'consumer',
      connection: source.connection.name,
      source: source.stream,
      consumer: this.receiver.orderedConsumer ?? this.consumer,
      delivery: source.delivery.mode,
      ...this.condition,
      handled: runner?.handled ?? 0,
      failed: runner?.failed ?? 0,
      running: runner?.running ?? 0,
      waiting: runner?.waiting ?? 0,
      circuitOpen,
    };
  }

  async idle(): Promise<void> {
    await this.runner?.idle();
  }

  protected unfinished(): Iterable<object> {
    return this.runner?.unfinished() ?? [];
  }

  protected async open(): Promise<() => void> {
    this.receiver = new ConsumerReceiver(this.source);
    this.circuitOpen = false;
    this.runner = undefined;
    const ready = await this.receiver.prepare();
    this.lagAtStart = ready.pending;
    this.consumer = ready.name;
    return () => {
      this.stopped = new AbortController();
      this.runner = this.makeRunner(
        ready.name,
        (open, reason) => this.onCircuit(open, reason),
        this.stopped.signal,
      );
      this.follow(ready);
      this.logger.log(`${this.source.handler} consumes ${this.name}`);
    };
  }

  protected async suspend(): Promise<void> {
    await this.runner?.pause();
    await this.unpin();
  }

  protected async proceed(signal: AbortSignal): Promise<void> {
    // A recovery that was interrupted by a pause may still be waiting for the server.
    await this.recovery;
    const ready = await this.receiver.prepare();
    if (!signal.aborted) this.follow(ready);
  }

  protected async end(left: number, timeout: number): Promise<void> {
    const { handler, delivery, connection } = this.source;
    const { returned = 0, last = 0 } = (await this.runner?.stop(left)) ?? {};
    this.stopped.abort();
    await this.unpin();
    if (returned + last === 0) return;
    const fates: string[] = [];
    if (returned > 0) {
      const closed = connection.jetstream.connection.nc.isClosed();
      const back = closed ? 'delivered again after ackWait' : 'returned to the server';
      const fate = isAcknowledged(delivery) ? back : 'not delivered again';
      fates.push(`${counted(returned, 'message')} unfinished after ${timeout} ms, ${fate}`);
    }
    if (last > 0) fates.push(`${counted(last, 'message')} unfinished in the last delivery`);
    this.logger.warn(`${handler}: ${fates.join('; ')}`);
  }

  protected disconnected(): void {
    this.stopped.abort();
    this.runner?.disconnected();
  }

  /**
   * Unpins this instance so that another one takes over at once; otherwise it would wait until the server's timeout.
   */
  private async unpin(): Promise<void> {
    const { delivery, connection, stream } = this.source;
    if (delivery.mode !== 'pull' || delivery.pull.priorityGroup !== PINNED_GROUP) return;
    const { jetstream } = connection;
    if (!this.runner || this.runner.handled + this.runner.running === 0) return;
    if (jetstream.connection.nc.isClosed()) return;
    await within(LONGEST_UNPIN, jetstream.unpinConsumer(stream, this.consumer, PINNED_GROUP));
  }

  private get name(): string {
    return `"${this.consumer}" of stream "${this.source.stream}"`;
  }

  private follow(ready: ReadyConsumer): void {
    const { runner } = this;
    if (!runner) return;
    const { signal } = this.run;
    this.consumer = ready.name;
    this.status = 'running';
    const { schedules } = this.source;
    const loop = ready.open({
      onMessage:
        schedules === undefined
          ? (message) => runner.onMessage(message)
          : (message) => {
              if (!isSchedule(message)) return runner.onMessage(message);
              this.passOver(message, schedules);
              runner.passedOver(message);
              loop.release(1);
            },
      window: () => runner.window(),
      slots: runner.slots,
      onError: (error) => {
        this.logger.warn(`${this.source.handler}: ${errorText(error)}`);
        this.emit({ type: 'handler-interrupted', error });
      },
      onLost: (error) => {
        if (!signal.aborted) this.lost(error);
      },
      onRecovered: () => {
        if (!signal.aborted) this.recovered();
      },
      onEnd: (error) => {
        // The end of the connection is reported once, regardless of what the handler was doing.
        if (!error || signal.aborted || error instanceof ConnectionClosedError) return;
        this.recovery = this.recover(error, signal);
      },
    });
    runner.follow(loop);
  }

  /** A schedule is an instruction to the server; the handler receives the message that it publishes when it is due. */
  private passOver(message: JetStreamMessage, schedules: 'skip' | 'keep'): void {
    const { handler, delivery } = this.source;
    // An acknowledgement with the policy `all` would cover messages before this one that are still in flight.
    if (!isAcknowledged(delivery) || (delivery.mode === 'pull' && delivery.config.ackPolicy === 'all'))
      return;
    if (schedules === 'skip') return message.ack();
    message.nak(RETURN_SCHEDULE_FOR);
    if (this.reportedSchedule) return;
    this.reportedSchedule = true;
    this.logger.error(
      `${handler}: received the schedule on "${message.subject}" and returned it to the server, because an acknowledgement ` +
        'would remove it. Change filterSubjects so that they do not match schedules.',
    );
  }

  private async recover(error: Error, signal: AbortSignal): Promise<void> {
    this.lost(error);
    // The first attempt after a lasting success is made without delay.
    const wait = this.backoff.next();
    const followAgain = async (): Promise<void> => {
      const ready = await this.receiver.prepare();
      if (!signal.aborted) this.follow(ready);
    };
    const isRecovered = await recover(followAgain, {
      backoff: this.backoff,
      signal,
      firstWait: this.backoff.attempts === 1 ? 0 : wait,
      onFailure: (failure, next) => {
        this.error = toError(failure);
        this.logger.warn(
          `${this.source.handler}: cannot consume yet, retrying in ${next} ms: ${errorText(failure)}`,
        );
      },
    });
    if (isRecovered) this.recovered();
  }

  private lost(error: Error): void {
    this.logger.error(`${this.source.handler}: ${errorText(error)}`);
    this.status = 'recovering';
    this.error = error;
    this.emit({ type: 'consumer-lost', error });
  }

  private recovered(): void {
    this.status = 'running';
    this.logger.log(`${this.source.handler} consumes ${this.name} again`);
    this.emit({ type: 'consumer-recovered' });
  }

  private onCircuit(open: boolean, reason = ''): void {
    this.circuitOpen = open;
    const { handler } = this.source;
    if (open) this.logger.error(`${handler}: circuit opened: ${reason}`);
    else this.logger.log(`${handler}: circuit closed`);
    this.emit({ type: open ? 'circuit-opened' : 'circuit-closed' });
  }

  private emit(
    event:
      | { readonly type: 'consumer-lost' | 'handler-interrupted'; readonly error: Error }
      | { readonly type: 'consumer-recovered' | 'circuit-opened' | 'circuit-closed' },
  ): void {
    const { connection, handler, stream } = this.source;
    this.events.emit({ ...event, connection: connection.name, time: new Date(), handler, source: stream });
  }
}

/** Whether a message is a schedule for the server (ADR-51). Messages that schedules publish have other headers. */
function isSchedule({ headers }: JetStreamMessage): boolean {
  return headers?.has('Nats-Schedule') === true;
}
