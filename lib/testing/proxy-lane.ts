import { randomInt } from 'node:crypto';
import type { Socket } from 'node:net';

import { sleep } from '../timing/index.js';
import type { NatsTestProxyDirection, ProxyConditions } from './proxy-conditions.js';

/** The maximum number of bytes that a lane holds before it stops reading. */
const MOST_HELD = 16 * 1024 * 1024;

/** Bytes that one side sends, its end (FIN), or a reset (RST). */
type Parcel = Buffer | 'end' | 'reset';

/** One direction of a link: passes what one socket sends to the other, in order, under the conditions of the proxy. */
export class ProxyLane {
  private readonly parcels: { readonly parcel: Parcel; readonly due: number }[] = [];
  private readonly stopped = new AbortController();
  private isRunning = false;
  private hasSwallowedEnd = false;
  private lastDue = 0;
  private held = 0;

  constructor(
    private readonly direction: NatsTestProxyDirection,
    private readonly from: Socket,
    private readonly to: Socket,
    private readonly conditions: ProxyConditions,
  ) {
    let hasEnded = false;
    from.on('data', (bytes: Buffer) => this.accept(bytes));
    from.on('end', () => {
      hasEnded = true;
      this.accept('end');
    });
    from.on('close', (hadError) => {
      if (hadError || !hasEnded) this.accept('reset');
    });
  }

  /** Resets the receiving side if it did not learn of the end of the sending side. */
  revealEnd(): void {
    if (this.hasSwallowedEnd) this.to.resetAndDestroy();
  }

  /** Discards what is in transit; nothing is passed any more. */
  stop(): void {
    this.stopped.abort();
    this.parcels.length = 0;
  }

  private accept(parcel: Parcel): void {
    if (this.stopped.signal.aborted) return;
    const { latency, closeDelay } = this.conditions;
    const isBytes = typeof parcel !== 'string';
    const arrival = performance.now() + latency + (isBytes ? 0 : closeDelay);
    // Bytes stay in order if the latency is reduced.
    this.lastDue = Math.max(this.lastDue, arrival);
    this.parcels.push({ parcel, due: this.lastDue });
    if (isBytes) this.hold(parcel.length);
    if (!this.isRunning) void this.run();
  }

  private async run(): Promise<void> {
    this.isRunning = true;
    for (let next = this.parcels.shift(); next !== undefined; next = this.parcels.shift()) {
      const wait = next.due - performance.now();
      if (wait > 0) await sleep(wait, this.stopped.signal, { keepsAlive: false });
      if (this.stopped.signal.aborted) break;
      await this.deliver(next.parcel);
    }
    this.isRunning = false;
  }

  private deliver(parcel: Parcel): void | Promise<void> {
    if (this.conditions.swallows(this.direction)) {
      if (typeof parcel === 'string') this.hasSwallowedEnd = true;
      else this.release(parcel.length);
      return;
    }
    if (parcel === 'end') return void this.to.end();
    if (parcel === 'reset') return void this.to.resetAndDestroy();
    if (this.direction === 'from-server' && parcel.length > 1 && this.conditions.chunkSize !== Infinity) {
      return this.writeInChunks(parcel, this.conditions.chunkSize);
    }
    this.to.write(parcel, () => this.release(parcel.length));
  }

  /** Writes chunks of random sizes, each after the receiving side had time to read the one before. */
  private async writeInChunks(bytes: Buffer, maximum: number): Promise<void> {
    for (let at = 0; at < bytes.length && this.to.writable;) {
      const chunk = bytes.subarray(at, at + randomInt(1, maximum + 1));
      at += chunk.length;
      await new Promise<void>((resolve) => this.to.write(chunk, () => resolve()));
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.release(bytes.length);
  }

  private hold(bytes: number): void {
    this.held += bytes;
    if (this.held > MOST_HELD) this.from.pause();
  }

  private release(bytes: number): void {
    this.held -= bytes;
    if (this.from.isPaused() && this.held <= MOST_HELD / 2) this.from.resume();
  }
}
