import { Logger } from '@nestjs/common';
import type { Msg, Subscription } from '@nats-io/transport-node';
import { hasValidHeaders } from '../../connection/index.js';
import {
  type CleanScope,
  type CompiledHandler,
  ControlledHandler,
  decodePayload,
  finalResult,
  type HandlerSource,
  type HandlerState,
  type JetStreamEvents,
  LONGEST_DRAIN,
  pendingResult,
  requireHeaders,
  schemasOf,
  validated,
} from '../../consuming/index.js';
import type { HandlerObserver, Outcome } from '../../instruments/index.js';
import { Ring } from '../../jetstream/index.js';
import { errorStack, errorText, printable } from '../../reporting/index.js';
import { Backoff, Deadline, recover, within } from '../../timing/index.js';
import { NatsSubscribeContext } from '../contexts/index.js';
import type { SubscribePlan } from '../planning/index.js';

const DEFAULT_MAX_PENDING = 65_536;
const FIRST_RETRY = 1_000;
const LONGEST_RETRY = 30_000;

/** Reads a handler's parameters from a core NATS message. */
export function coreMessageSource({ connection, definition }: SubscribePlan): HandlerSource<Msg> {
  const { subject: subscribed, contract } = definition.metadata;
  const codecOf = connection.codecsOfSubject(subscribed);
  const schema = contract && schemasOf([contract]);
  return {
    payload: validated(({ data, headers }: Msg) => decodePayload(codecOf(headers), data, headers), schema),
    mayBePending: schema !== undefined,
    context: (message) => new NatsSubscribeContext(message),
    pattern: ({ subject }) => subject,
  };
}

/** Runs one `@NatsSubscribe` handler: up to `concurrency` messages at once, the rest is buffered; errors are logged. */
export class SubscriptionHandler extends ControlledHandler {
  private readonly concurrency: number;
  private readonly maxPending: number;
  private readonly queue = new Ring<Msg>();
  private readonly backoff = new Backoff({ first: FIRST_RETRY, longest: LONGEST_RETRY });
  private subscription: Subscription | undefined;
  private inFlight = 0;
  /** The messages whose asynchronous handlers have not ended. */
  private readonly current = new Set<Msg>();
  private handled = 0;
  private failed = 0;
  private dropping = false;
  private abandoned = false;
  private readonly whenIdle: (() => void)[] = [];
  /** The messages in flight and when they started, if an instrument is interested. */
  private readonly observed = new Map<Msg, number>();
  private readonly call = (message: Msg): Promise<unknown> | undefined => {
    requireHeaders(hasValidHeaders(message));
    return pendingResult(this.handler(message));
  };

  constructor(
    private readonly plan: SubscribePlan,
    private readonly handler: CompiledHandler<Msg>,
    private readonly events: JetStreamEvents,
    private readonly scope: CleanScope,
    /** Passes the messages to instruments, if any is interested. */
    private readonly observer?: HandlerObserver,
  ) {
    super(plan.connection.jetstream.connection, new Logger('Subscribe'));
    const { concurrency = 1, maxPending = DEFAULT_MAX_PENDING } = plan.definition.metadata.options;
    this.concurrency = concurrency;
    this.maxPending = maxPending;
  }

  get state(): HandlerState {
    const { plan, handled, failed } = this;
    return {
      handler: plan.handler,
      kind: 'subscription',
      connection: plan.connection.name,
      source: plan.definition.metadata.subject,
      ...this.condition,
      handled,
      failed,
      running: this.inFlight,
      waiting: this.queue.size,
      circuitOpen: false,
    };
  }

  idle(): Promise<void> {
    if (this.inFlight === 0 && this.queue.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.whenIdle.push(resolve));
  }

  protected unfinished(): Iterable<object> {
    return this.current;
  }

  /** @throws the error of the server if it refuses the subscription */
  protected async open(signal: AbortSignal): Promise<() => void> {
    this.abandoned = false;
    await this.follow(signal);
    this.logger.log(`${this.plan.handler} subscribes to "${this.plan.definition.metadata.subject}"`);
    return () => undefined;
  }

  protected suspend(): Promise<void> {
    return unsubscribe(this.subscription);
  }

  protected proceed(signal: AbortSignal): Promise<void> {
    return this.follow(signal);
  }

  /** Core NATS does not store messages, so buffered messages are handled within the remaining time. */
  protected async end(left: number): Promise<void> {
    const deadline = new Deadline(left);
    // While the link to the server is down, the subscription ends only when the link is restored.
    await deadline.wait(unsubscribe(this.subscription).then(() => this.idle()));
    this.abandoned = true;
    this.queue.clear();
    for (const message of this.observed.keys()) this.observeEnd(message, undefined, 'released');
  }

  /** Received messages are still handled, because they do not have to be settled. */
  protected disconnected(): void {}

  private async follow(signal: AbortSignal): Promise<void> {
    const { subject, options } = this.plan.definition.metadata;
    const { api, connection } = this.plan.connection.jetstream;
    const refusals: Error[] = [];
    // A subscription that was lost with the link is restored with it; without this call it would exist twice.
    unsubscribeNow(this.subscription);
    const subscription = connection.wire.subscribe(subject, {
      queue: options.queue,
      callback: (error, message) => {
        if (!error) return this.receive(message);
        refusals.push(error);
        if (this.status === 'running' && !signal.aborted) void this.recover(error, signal);
      },
    });
    this.subscription = subscription;
    try {
      // The server sends a refusal before its answer to this flush.
      await api.flush(`subscribing to "${subject}"`);
      if (refusals.length > 0) throw refusals[0];
    } catch (error) {
      unsubscribeNow(subscription);
      throw error;
    }
    if (signal.aborted) await unsubscribe(subscription);
    else this.status = 'running';
  }

  /** The server ends a subscription when its user loses the permission. */
  private async recover(cause: Error, signal: AbortSignal): Promise<void> {
    const { handler, connection, definition } = this.plan;
    const { subject } = definition.metadata;
    this.status = 'recovering';
    this.error = cause;
    this.logger.error(`${handler}: the subscription to "${subject}" ended: ${errorText(cause)}`);
    const about = (): Pick<HandlerState, 'connection' | 'handler' | 'source'> & { time: Date } => ({
      connection: connection.name,
      handler,
      source: subject,
      time: new Date(),
    });
    this.events.emit({ type: 'consumer-lost', ...about(), error: cause });
    // A refused attempt is logged when it is refused.
    if (!(await recover(() => this.follow(signal), { backoff: this.backoff, signal }))) return;
    this.logger.log(`${handler} subscribes to "${subject}" again`);
    this.events.emit({ type: 'consumer-recovered', ...about() });
  }

  private receive(message: Msg): void {
    if (this.abandoned) return;
    if (this.inFlight < this.concurrency) return this.handle(message);
    if (this.queue.size < this.maxPending) return this.queue.push(message);
    if (this.dropping) return;
    this.dropping = true;
    this.logger.error(
      `${this.plan.handler} is too slow: ${this.maxPending} messages (maxPending) are buffered, and further ones are ` +
        'dropped. Raise concurrency or maxPending.',
    );
  }

  /** Handles a message, and the buffered ones after it as long as handlers are synchronous. */
  private handle(first: Msg): void {
    this.inFlight++;
    for (let message: Msg | undefined = first; message !== undefined; message = this.queue.shift()) {
      const current = message;
      this.observeStart(current);
      try {
        const pending = this.scope.run(this.call, current);
        if (pending !== undefined) return void this.finishLater(current, pending);
        this.observeEnd(current, undefined);
      } catch (error) {
        this.report(current, error);
        this.observeEnd(current, { error });
      }
      this.handled++;
    }
    this.inFlight--;
    this.checkIdle();
  }

  private async finishLater(message: Msg, pending: Promise<unknown>): Promise<void> {
    let failure: { readonly error: unknown } | undefined;
    this.current.add(message);
    try {
      await finalResult(pending);
    } catch (error) {
      failure = { error };
      this.report(message, error);
    }
    this.current.delete(message);
    this.observeEnd(message, failure);
    this.handled++;
    this.inFlight--;
    const next = this.queue.shift();
    if (next !== undefined) this.handle(next);
    else this.checkIdle();
  }

  private observeStart(message: Msg): void {
    if (this.observer === undefined) return;
    this.observer.started(message);
    this.observed.set(message, performance.now());
  }

  private observeEnd(
    message: Msg,
    failure: { readonly error: unknown } | undefined,
    outcome: Outcome = failure === undefined ? 'left' : 'skipped',
  ): void {
    const startedAt = this.observed.get(message);
    // The end of a message that was unfinished when the handler was stopped was reported then.
    if (startedAt === undefined) return;
    this.observed.delete(message);
    const duration = performance.now() - startedAt;
    this.observer?.ended(message, {
      outcome,
      failed: failure !== undefined,
      error: failure?.error,
      duration,
    });
  }

  private checkIdle(): void {
    this.dropping = false;
    if (this.inFlight > 0) return;
    for (const resolve of this.whenIdle.splice(0)) resolve();
  }

  private report(message: Msg, error: unknown): void {
    this.failed++;
    this.logger.error(
      `${this.plan.handler}: the message on "${printable(message.subject)}" failed: ${errorText(error)}`,
      errorStack(error),
    );
  }
}

/** Ends a subscription after the messages that the server has already sent. */
async function unsubscribe(subscription: Subscription | undefined): Promise<void> {
  if (!subscription || subscription.isClosed()) return;
  const drained = subscription.drain().catch(() => undefined);
  if (!(await within(LONGEST_DRAIN, drained))) unsubscribeNow(subscription);
}

function unsubscribeNow(subscription: Subscription | undefined): void {
  if (subscription && !subscription.isClosed()) subscription.unsubscribe();
}
