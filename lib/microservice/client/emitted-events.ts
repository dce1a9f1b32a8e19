import { defer, Observable, type ObservableInput, type Subscriber } from 'rxjs';
import { LossReport } from '../../jetstream/index.js';
import { toError } from '../../reporting/index.js';
import { within } from '../../timing/index.js';
import { pendingThenable } from '../../user-code/index.js';

/** How long to wait for the failures of events that were in flight when the connection was closed, in milliseconds. */
const LAST_FAILURES = 100;

/** The events of one client that are in flight. A failure that no subscriber receives is logged. */
export class EmittedEvents {
  private readonly losses = new LossReport(
    'JetStreamClient',
    'events were not emitted, and no subscriber of emit received the error',
  );
  private underWay = 0;
  private readonly whenIdle: (() => void)[] = [];

  /** @param subjectOf returns the subject of a pattern for the log; must not throw */
  constructor(private readonly subjectOf: (pattern: unknown) => string) {}

  /** Creates an event that is in flight until it completes or fails. */
  begin<T>(pattern: unknown): EmittedEvent<T> {
    this.underWay++;
    return new EmittedEvent<T>(this, pattern);
  }

  /** Called once for each event, when it has completed or failed. */
  end(): void {
    if (--this.underWay === 0) for (const resolve of this.whenIdle.splice(0)) resolve();
  }

  /**
   * Logs a failure that no subscriber has received. The returned function removes it if a subscriber receives it before
   * the log line is written.
   */
  lose(pattern: unknown, error: unknown): () => void {
    return this.losses.add(toError(error), this.subjectOf(pattern));
  }

  /** Waits for events in flight, for at most `timeout` milliseconds. */
  async idle(timeout: number): Promise<void> {
    if (this.underWay === 0) return;
    await within(timeout, new Promise<void>((resolve) => this.whenIdle.push(resolve)));
  }

  /** Called when the connection is closed: logs the events that failed because of it. */
  async close(): Promise<void> {
    await this.idle(LAST_FAILURES);
    this.losses.flush();
  }
}

type Outcome =
  | { readonly kind: 'complete' }
  | { readonly kind: 'error'; readonly error: unknown; withdraw: (() => void) | undefined };

const COMPLETE: Outcome = { kind: 'complete' };
const NONE: readonly never[] = [];

/**
 * The number of microtasks between a dispatch and its earliest outcome, less one, as with Nest's own clients. A caller
 * that gets the observable from an asynchronous method subscribes within that time, and must not miss the value.
 */
const MICROTASKS = 3;

/**
 * The observable that `emit` returns. As with Nest's own clients, a subscriber receives the value and the completion,
 * or the error. A subscriber that subscribes after the outcome receives only the completion, or the error.
 * Unsubscribing does not stop the event.
 */
export class EmittedEvent<T> extends Observable<T> {
  /** Subscribers stay in the list when they unsubscribe, until the outcome. */
  private subscribers: Subscriber<T>[] | undefined;
  private outcome: Outcome | undefined;

  constructor(
    private readonly events: EmittedEvents,
    readonly pattern: unknown,
  ) {
    super((subscriber) => this.join(subscriber));
  }

  /**
   * Takes the outcome from the result of `dispatchEvent`, which may be any source of rxjs if a subclass overrides it.
   */
  async follow(dispatched: ObservableInput<T>): Promise<void> {
    for (let i = 0; i < MICROTASKS; i++) await Promise.resolve();
    const promise = pendingThenable(dispatched);
    if (promise === undefined) return void defer(() => dispatched).subscribe(this);
    promise.then(
      (value) => {
        this.next(value as T);
        this.complete();
      },
      (error: unknown) => this.error(error),
    );
  }

  next(value: T): void {
    for (const subscriber of this.subscribed()) subscriber.next(value);
  }

  complete(): void {
    this.outcome = COMPLETE;
    this.events.end();
    for (const subscriber of this.subscribed()) subscriber.complete();
    this.subscribers = undefined;
  }

  error(error: unknown): void {
    const subscribers = this.subscribed();
    const withdraw = subscribers.length === 0 ? this.events.lose(this.pattern, error) : undefined;
    this.outcome = { kind: 'error', error, withdraw };
    this.events.end();
    for (const subscriber of subscribers) subscriber.error(error);
    this.subscribers = undefined;
  }

  private subscribed(): readonly Subscriber<T>[] {
    return this.subscribers?.filter(({ closed }) => !closed) ?? NONE;
  }

  private join(subscriber: Subscriber<T>): void {
    const { outcome } = this;
    if (outcome === undefined) {
      if (this.subscribers) this.subscribers.push(subscriber);
      else this.subscribers = [subscriber];
    } else if (outcome.kind === 'complete') {
      subscriber.complete();
    } else {
      outcome.withdraw?.();
      outcome.withdraw = undefined;
      subscriber.error(outcome.error);
    }
  }
}
