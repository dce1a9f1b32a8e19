import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { Msg, Subscription } from '@nats-io/transport-node';
import { Ring } from '../../jetstream/index.js';
import { pendingResult, type CompiledHandler, type HandlerSource } from '../compile/index.js';
import { NatsContext } from '../context/index.js';
import type { JetStreamEvents } from '../events/index.js';
import type { SubscribePlan } from '../planning/index.js';
import type { HandlerRunner, HandlerState, HandlerStatus } from './handler-runner.js';
import { decodePayload } from './payload-decoder.js';
import { within } from './within.js';

const DEFAULT_MAX_PENDING = 65_536;
const FIRST_RETRY = 1_000;
const LONGEST_RETRY = 30_000;

/** Reads a handler's parameters from a core NATS message. */
export function coreMessageSource({ connection, definition }: SubscribePlan): HandlerSource<Msg> {
  const codecOf = connection.codecsOfSubject(definition.metadata.subject);
  return {
    payload: ({ data, headers }) => decodePayload(codecOf(headers), data),
    context: (message) => new NatsContext(message),
    pattern: ({ subject }) => subject,
  };
}

/** Runs one `@Subscribe`: up to `concurrency` messages at once, the rest waits; what fails is logged. */
export class SubscriptionHandler implements HandlerRunner {
  private readonly logger = new Logger('Subscribe');
  private readonly concurrency: number;
  private readonly maxPending: number;
  private readonly queue = new Ring<Msg>();
  private subscription: Subscription | undefined;
  private status: HandlerStatus = 'starting';
  private inTheWorks = 0;
  private handled = 0;
  private failed = 0;
  private dropping = false;
  private aborted = new AbortController();
  private readonly whenIdle: (() => void)[] = [];

  constructor(
    private readonly plan: SubscribePlan,
    private readonly handler: CompiledHandler<Msg>,
    private readonly events: JetStreamEvents,
  ) {
    const { concurrency = 1, maxPending = DEFAULT_MAX_PENDING } = plan.definition.metadata.options;
    this.concurrency = concurrency;
    this.maxPending = maxPending;
  }

  get state(): HandlerState {
    const { plan, status, handled, failed } = this;
    return {
      handler: plan.handler,
      kind: 'subscription',
      connection: plan.connection.name,
      source: plan.definition.metadata.subject,
      status,
      handled,
      failed,
      running: this.inTheWorks,
      waiting: this.queue.size,
      circuitOpen: false,
    };
  }

  async prepare(): Promise<() => void> {
    await this.subscribe();
    this.logger.log(`${this.plan.handler} subscribes to "${this.plan.definition.metadata.subject}"`);
    return () => undefined;
  }

  async pause(): Promise<void> {
    if (this.status !== 'running' && this.status !== 'recovering') return;
    this.status = 'paused';
    this.aborted.abort();
    await this.unsubscribe();
  }

  async resume(): Promise<void> {
    if (this.status === 'paused') await this.subscribe();
  }

  idle(): Promise<void> {
    if (this.inTheWorks === 0 && this.queue.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.whenIdle.push(resolve));
  }

  /** Core NATS keeps nothing: what waits is handled, as far as the time allows. */
  async stop(timeout: number): Promise<void> {
    this.status = 'stopped';
    this.aborted.abort();
    // Without a link to the server, it does not end before there is one again.
    await within(
      timeout,
      this.unsubscribe().then(() => this.idle()),
    );
  }

  /** @throws what the server says where it refuses the subscription */
  private async subscribe(): Promise<void> {
    this.aborted = new AbortController();
    await this.follow(this.aborted.signal);
  }

  private async follow(signal: AbortSignal): Promise<void> {
    const { subject, options } = this.plan.definition.metadata;
    const { connection } = this.plan.connection.jetstream;
    const refusals: Error[] = [];
    // What the link broke under comes to life with the link: it must not be there twice.
    if (this.subscription && !this.subscription.isClosed()) this.subscription.unsubscribe();
    this.subscription = connection.wire.subscribe(subject, {
      queue: options.queue,
      callback: (error, message) => {
        if (!error) return this.receive(message);
        refusals.push(error);
        if (this.status === 'running' && !signal.aborted) void this.recover(error, signal);
      },
    });
    // A refusal comes before the answer to this.
    await connection.nc.flush();
    if (refusals.length > 0) throw refusals[0];
    if (!signal.aborted) this.status = 'running';
  }

  /** The server ends a subscription that its user may not have any longer. */
  private async recover(cause: Error, signal: AbortSignal): Promise<void> {
    const { handler, connection, definition } = this.plan;
    const { subject } = definition.metadata;
    this.status = 'recovering';
    this.logger.error(`${handler}: the subscription to "${subject}" ended: ${cause.message}`);
    const about = (): Pick<HandlerState, 'connection' | 'handler' | 'source'> & { time: Date } => ({
      connection: connection.name,
      handler,
      source: subject,
      time: new Date(),
    });
    this.events.emit({ type: 'consumer-lost', ...about(), error: cause });
    for (let wait = FIRST_RETRY; ; wait = Math.min(wait * 2, LONGEST_RETRY)) {
      await delay(wait, undefined, { signal }).catch(() => undefined);
      if (signal.aborted || connection.jetstream.connection.nc.isClosed()) return;
      try {
        await this.follow(signal);
        this.logger.log(`${handler} subscribes to "${subject}" again`);
        this.events.emit({ type: 'consumer-recovered', ...about() });
        return;
      } catch {
        // The next try is the answer; what is refused is in the log already.
      }
    }
  }

  private async unsubscribe(): Promise<void> {
    if (!this.subscription || this.subscription.isClosed()) return;
    await this.subscription.drain().catch(() => undefined);
  }

  private receive(message: Msg): void {
    if (this.inTheWorks < this.concurrency) return this.run(message);
    if (this.queue.size < this.maxPending) return this.queue.push(message);
    if (this.dropping) return;
    this.dropping = true;
    this.logger.error(
      `${this.plan.handler} is too slow: messages beyond ${this.maxPending} waiting are dropped`,
    );
  }

  private run(first: Msg): void {
    this.inTheWorks++;
    for (let message: Msg | undefined = first; message !== undefined; message = this.queue.shift()) {
      const current = message;
      try {
        const pending = pendingResult(this.handler(current));
        if (pending !== undefined) {
          pending.then(
            () => this.finishLater(),
            (error: unknown) => {
              this.report(current, error);
              this.finishLater();
            },
          );
          return;
        }
      } catch (error) {
        this.report(current, error);
      }
      this.handled++;
    }
    this.finish();
  }

  private finishLater(): void {
    this.handled++;
    this.inTheWorks--;
    const next = this.queue.shift();
    if (next !== undefined) this.run(next);
    else this.checkIdle();
  }

  private finish(): void {
    this.inTheWorks--;
    this.checkIdle();
  }

  private checkIdle(): void {
    this.dropping = false;
    if (this.inTheWorks > 0) return;
    for (const resolve of this.whenIdle.splice(0)) resolve();
  }

  private report(message: Msg, error: unknown): void {
    this.failed++;
    this.logger.error(
      `${this.plan.handler}: the message on "${message.subject}" failed: ${error instanceof Error ? error.message : String(error)}`,
      error instanceof Error ? error.stack : undefined,
    );
  }
}
