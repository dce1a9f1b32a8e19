import type { Subscription } from '@nats-io/transport-node';
import type { JetStreamConnection } from '../../connection/index.js';
import { createInboxOf, serialOf } from '../../requests/index.js';

/** A call that may take a while. */
export interface CallInProgress {
  /** Its place among all calls. */
  place: number;
  /** The tick that it began in. */
  since: number;
  /** Whether the caller wants to be told where to call it off before the first answer. */
  readonly wantsNotice: boolean;
  /** Tells the caller where to call it off. */
  notify(): void;
  /** The caller has called it off, or is gone. */
  cancel(): void;
  /** The service stops: the caller is told. */
  abandon(): void;
}

/** How often calls are looked at that take long, in milliseconds. */
const TICK = 50;

/** All calls of a server that are in the works: what is waited for at shutdown, and what callers can call off. */
export class CallsInProgress {
  /** In no order: a call is removed by putting the last one in its place, which costs less than a set of them. */
  private readonly calls: CallInProgress[] = [];
  private readonly bySerial = new Map<number, CallInProgress>();
  private readonly inbox: string;
  private subscription: Subscription | undefined;
  private timer: NodeJS.Timeout | undefined;
  private ticks = 0;
  private serial = 0;
  private whenIdle: (() => void) | undefined;

  constructor(private readonly connection: JetStreamConnection) {
    this.inbox = `${createInboxOf(connection.nc)}.`;
  }

  add(call: CallInProgress): void {
    call.since = this.ticks;
    call.place = this.calls.push(call) - 1;
    this.timer ??= setInterval(() => this.tick(), TICK).unref();
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

  /** A number by which the caller can call a call off. */
  control(call: CallInProgress): number {
    // What comes here is a caller's word, or the server's that nobody takes the answers any more.
    this.subscription ??= this.connection.wire.subscribe(`${this.inbox}*`, {
      callback: (error, msg) => {
        if (!error) this.bySerial.get(serialOf(msg.subject, this.inbox.length))?.cancel();
      },
    });
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
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.whenIdle = resolve;
        timer = setTimeout(resolve, timeout);
      });
      clearTimeout(timer);
    }
    clearInterval(this.timer);
    const unfinished = [...this.calls];
    for (const call of unfinished) call.abandon();
    this.subscription?.unsubscribe();
    return unfinished.length;
  }

  private tick(): void {
    this.ticks++;
    if (this.calls.length === 0) {
      clearInterval(this.timer);
      this.timer = undefined;
    }
    for (const call of this.calls) {
      if (call.since <= this.ticks - 2 && call.wantsNotice) call.notify();
    }
  }
}
