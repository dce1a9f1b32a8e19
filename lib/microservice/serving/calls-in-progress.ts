import type { Subscription } from '@nats-io/transport-node';
import type { JetStreamConnection } from '../../connection/index.js';
import { createInboxOf, serialOf } from '../../requests/index.js';
import { Interval, within } from '../../timing/index.js';

/** A call that may take a while. */
export interface CallInProgress {
  /** Its index among all calls. */
  place: number;
  /** The tick in which it started. */
  since: number;
  /** Whether the caller wants to receive the control subject before the first answer. */
  readonly wantsNotice: boolean;
  /** Sends the control subject to the caller. It never throws, and neither do the other methods. */
  notify(): void;
  /** Called when the caller has cancelled the call, or is gone. */
  cancel(): void;
  /** Called when the service stops: the caller receives an error. */
  abandon(): void;
}

/** The interval of checks for calls that take long, in milliseconds. */
const TICK = 50;
/** The longest number in a control subject. */
const LONGEST_SERIAL = String(Number.MAX_SAFE_INTEGER);

/** All calls in flight of a server: the shutdown waits for them, and callers can cancel them. */
export class CallsInProgress {
  /** Unordered: a call is removed by replacing it with the last one, which is cheaper than a set. */
  private readonly calls: CallInProgress[] = [];
  private readonly bySerial = new Map<number, CallInProgress>();
  /** As long as the longest control subject, to check the length of protocol lines. */
  readonly longestControlSubject: string;
  private readonly inbox: string;
  private subscription: Subscription | undefined;
  private timer: Interval | undefined;
  private ticks = 0;
  private serial = 0;
  private whenIdle: (() => void) | undefined;

  constructor(private readonly connection: JetStreamConnection) {
    this.inbox = `${createInboxOf(connection.nc)}.`;
    this.longestControlSubject = this.inbox + LONGEST_SERIAL;
  }

  add(call: CallInProgress): void {
    call.since = this.ticks;
    call.place = this.calls.push(call) - 1;
    this.timer ??= new Interval(TICK, () => this.tick(), { keepsAlive: false });
  }

  delete(call: CallInProgress, control: number): void {
    const last = this.calls.pop();
    if (last && last !== call) {
      this.calls[call.place] = last;
      last.place = call.place;
    }
    if (control > 0) this.bySerial.delete(control);
    if (this.calls.length === 0) this.whenIdle?.();
  }

  /** A number by which the caller can cancel a call; 0 if the connection is closed. */
  control(call: CallInProgress): number {
    try {
      this.subscription ??= this.listen();
    } catch {
      // The answer itself reports that the connection is closed.
      return 0;
    }
    const serial = ++this.serial;
    this.bySerial.set(serial, call);
    return serial;
  }

  controlSubject(serial: number): string {
    return this.inbox + serial;
  }

  /**
   * Waits until all calls have ended; abandons those that have not ended after `timeout` milliseconds.
   *
   * @returns the number of abandoned calls
   */
  async end(timeout: number): Promise<number> {
    if (this.calls.length > 0) {
      await within(timeout, new Promise<void>((resolve) => (this.whenIdle = resolve)));
    }
    this.timer?.cancel();
    const unfinished = [...this.calls];
    for (const call of unfinished) call.abandon();
    this.subscription?.unsubscribe();
    return unfinished.length;
  }

  /** Messages on this subscription come from a caller, or from the server if the caller no longer receives answers. */
  private listen(): Subscription {
    return this.connection.wire.subscribe(`${this.inbox}*`, {
      callback: (error, msg) => {
        if (!error) this.bySerial.get(serialOf(msg.subject, this.inbox.length))?.cancel();
      },
    });
  }

  private tick(): void {
    this.ticks++;
    if (this.calls.length === 0) {
      this.timer?.cancel();
      this.timer = undefined;
    }
    for (const call of this.calls) {
      if (call.since <= this.ticks - 2 && call.wantsNotice) call.notify();
    }
  }
}
