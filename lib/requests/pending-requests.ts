import type { Msg, MsgHdrs } from '@nats-io/transport-node';

/** The outcome of a request: an error or a reply. */
export type Outcome = [error: Error, reply: undefined] | [error: undefined, reply: Msg];

/** A request that waits for its reply, with all that sending it again takes. */
export interface PendingRequest {
  /** The number that its reply subject ends with. */
  readonly serial: number;
  readonly subject: string;
  readonly data: Uint8Array | string;
  readonly headers: MsgHdrs | undefined;
  readonly timeout: number;
  /** When it fails, on the clock of `performance.now()`. */
  deadline: number;
  /** Whether it may be sent again though the server may have received it. */
  readonly idempotent: boolean;
  /** When it is sent again if no reply has come, on the same clock; `Infinity` if it must not be repeated. */
  repeatAt: number;
  /** How long to wait before the repetition after that one, in milliseconds. */
  repeatWait: number;
  /** Told before it is sent again. */
  readonly onRepeat: (() => void) | undefined;
  /** Whether further replies may follow one: then `onReply` says so by returning true. */
  readonly many: boolean;
  onReply: (...outcome: Outcome) => unknown;
  /** Whether it has been handed to the client, so that the server may have received it. */
  sent: boolean;
}

// Small integers in V8, and 70 minutes of requests at 250,000 a second before one comes again.
const SERIALS = 2 ** 30;

/**
 * What waits for replies, found by serial number in constant time and without hashing: a ring with room for twice as
 * many as wait, where serial `n` has slot `n` modulo its size. A reply that comes late finds its slot empty or taken by
 * another serial.
 */
export class PendingRequests {
  private slots: (PendingRequest | undefined)[] = ring(256);
  private mask = 255;
  private serial = 0;
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** The number of the next request; call `add` with it before asking again. */
  next(): number {
    if (this.count * 2 >= this.slots.length) this.grow();
    do this.serial = (this.serial + 1) % SERIALS;
    while (this.slots[this.serial & this.mask] !== undefined);
    return this.serial;
  }

  add(request: PendingRequest): void {
    this.slots[request.serial & this.mask] = request;
    this.count++;
  }

  /** A request that waits; `undefined` where it no longer does. */
  get(serial: number): PendingRequest | undefined {
    const request = this.slots[serial & this.mask];
    return request?.serial === serial ? request : undefined;
  }

  /** Removes a request and returns it; `undefined` where it no longer waits. */
  take(serial: number): PendingRequest | undefined {
    const request = this.get(serial);
    if (request === undefined) return undefined;
    this.slots[serial & this.mask] = undefined;
    this.count--;
    return request;
  }

  /** All that waits, oldest first. */
  all(): PendingRequest[] {
    const waiting = this.slots.filter((request) => request !== undefined);
    return waiting.toSorted((a, b) => this.age(b) - this.age(a));
  }

  private age({ serial }: PendingRequest): number {
    return (this.serial - serial + SERIALS) % SERIALS;
  }

  private grow(): void {
    const old = this.slots;
    this.slots = ring(old.length * 2);
    this.mask = this.slots.length - 1;
    // Serials that did not meet in the smaller ring do not meet in the larger one.
    for (const request of old) if (request !== undefined) this.slots[request.serial & this.mask] = request;
  }
}

function ring(size: number): (PendingRequest | undefined)[] {
  return Array.from<undefined>({ length: size }).fill(undefined);
}
