import type { Msg, MsgHdrs } from '@nats-io/transport-node';

/** The outcome of a request: an error or a reply. */
export type Outcome = [error: Error, reply: undefined] | [error: undefined, reply: Msg];

/** A request that waits for its reply, with the data needed to send it again. */
export interface PendingRequest {
  /** The number at the end of its reply subject. */
  readonly serial: number;
  readonly subject: string;
  readonly data: Uint8Array | string;
  readonly headers: MsgHdrs | undefined;
  readonly timeout: number;
  /** When it times out, on the clock of `performance.now()`. */
  deadline: number;
  /** Whether it may be sent again although the server may have received it. */
  readonly idempotent: boolean;
  /** When it is sent again if no reply has arrived, on the same clock; `Infinity` if it must not be repeated. */
  repeatAt: number;
  /** The wait before the following repetition, in milliseconds. */
  repeatWait: number;
  /** Called before it is sent again. */
  readonly onRepeat: (() => void) | undefined;
  /** Whether several replies are possible: `onReply` then returns `true` if more are expected. */
  readonly many: boolean;
  onReply: (...outcome: Outcome) => unknown;
  /** Whether it was passed to the client, so that the server may have received it. */
  sent: boolean;
}

// Small integers in V8; at 250,000 requests a second, a number is used again after 70 minutes.
const SERIALS = 2 ** 30;

/**
 * Pending requests by serial number, in constant time and without hashing: a ring with twice as many slots as pending
 * requests, where serial `n` has slot `n` modulo its size. For a late reply, the slot is empty or has another serial.
 */
export class PendingRequests {
  private slots: (PendingRequest | undefined)[] = ring(256);
  private mask = 255;
  private serial = 0;
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** The number of the next request; call `add` with it before calling this again. */
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

  /** A pending request; `undefined` if it is no longer pending. */
  get(serial: number): PendingRequest | undefined {
    const request = this.slots[serial & this.mask];
    return request?.serial === serial ? request : undefined;
  }

  /** Removes a request and returns it; `undefined` if it is no longer pending. */
  take(serial: number): PendingRequest | undefined {
    const request = this.get(serial);
    if (request === undefined) return undefined;
    this.slots[serial & this.mask] = undefined;
    this.count--;
    return request;
  }

  /** All pending requests, oldest first. */
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
    // Serials without a collision in the smaller ring have none in the larger one.
    for (const request of old) if (request !== undefined) this.slots[request.serial & this.mask] = request;
  }
}

function ring(size: number): (PendingRequest | undefined)[] {
  return Array.from<undefined>({ length: size }).fill(undefined);
}
