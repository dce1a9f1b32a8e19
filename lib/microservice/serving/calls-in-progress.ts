import type { Subscription } from '@nats-io/transport-node';
import type { JetStreamConnection } from '../../connection/index.js';
import { createInboxOf, serialOf } from '../../requests/index.js';
import { Interval, within } from '../../timing/index.js';

/** A call that may take a while. */
export interface CallInProgress {
  /** Its place among all calls. */
  place: number;
  /** The tick that it began in. */
  since: number;
  /** Whether the caller wants to be told where to call it off before the first answer. */
  readonly wantsNotice: boolean;
  /** Tells the caller where to call it off. It never throws, and neither do the others. */
  notify(): void;
  /** The caller has called it off, or is gone. */
  cancel(): void;
  /** The service stops: the caller is told. */
  abandon(): void;
}

/** How often calls that take long are looked at, in milliseconds. */
const TICK = 50;
/** The longest number in a control subject. */
const LONGEST_SERIAL = String(Number.MAX_SAFE_INTEGER);

/** All calls of a server that are in flight: the shutdown waits for them, and callers can call them off. */
export class CallsInProgress {
  /** In no order: a call is removed by putting the last one in its place, which costs less than a set of them. */
  private readonly calls: CallInProgress[] = [];
  private readonly bySerial = new Map<number, CallInProgress>();
  /** As long as any control subject: what an answer's line must have room for. */
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

  /** A number by which the caller can call a call off; 0 if the connection is closed. */
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
   * Waits until all have ended; abandons what has not after `timeout` milliseconds.
   *
   * @returns how many were abandoned
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

  /** What comes here is the word of a caller, or of the server that nobody receives the answers any more. */
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
