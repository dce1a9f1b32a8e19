import { Observable } from 'rxjs';
import { LossReport } from '../../jetstream/index.js';
import { toError } from '../../reporting/index.js';
import { within } from '../../timing/index.js';

/** How long the failures of events may take that were on their way when the connection was closed, in milliseconds. */
const LAST_FAILURES = 100;

/** The events of one client that are on their way. A failure that no subscriber receives is logged. */
export class EmittedEvents {
  private readonly losses = new LossReport(
    'JetStreamClient',
    'events were not emitted, and no subscriber of emit was told',
  );
  private underWay = 0;
  private readonly whenIdle: (() => void)[] = [];

  /**
   * Follows an event, also if the observable that is returned is not subscribed to.
   *
   * @param subjectOf names the event if it fails; must not throw
   */
  follow<T>(emitted: Observable<T>, subjectOf: () => string): Observable<T> {
    let subscribers = 0;
    let withdraw: (() => void) | undefined;
    this.underWay++;
    emitted.subscribe({
      error: (thrown: unknown) => {
        if (subscribers === 0) withdraw = this.losses.add(toError(thrown), subjectOf());
        this.end();
      },
      complete: () => this.end(),
    });
    return new Observable((observer) => {
      subscribers++;
      withdraw?.();
      withdraw = undefined;
      const subscription = emitted.subscribe(observer);
      return () => {
        subscribers--;
        subscription.unsubscribe();
      };
    });
  }

  /** Waits for events on their way, for up to so many milliseconds. */
  async idle(timeout: number): Promise<void> {
    if (this.underWay === 0) return;
    await within(timeout, new Promise<void>((resolve) => this.whenIdle.push(resolve)));
  }

  /** The connection is closed: logs what has failed by that. */
  async close(): Promise<void> {
    await this.idle(LAST_FAILURES);
    this.losses.flush();
  }

  private end(): void {
    if (--this.underWay === 0) for (const resolve of this.whenIdle.splice(0)) resolve();
  }
}
