import type { LockRecord } from './lock-record.js';

/** A sign of life of a holder, and when this process saw it first. */
interface Sighting {
  readonly id: string;
  readonly revision: number;
  readonly at: number;
}

/** Of how many locks the last sign of life is remembered. */
const MOST = 10_000;

/**
 * When the holders of locks gave their last sign of life, as far as this process has seen. Callers that do not wait as long
 * as a ttl ask again and again, and without this memory each would begin to count anew: the lock of a crashed process would
 * never be free for them.
 */
export class LockSightings {
  private readonly sightings = new Map<string, Sighting>();

  /**
   * When this sign of life was seen first, on the clock of `performance.now()`.
   *
   * @param lock bucket and key
   */
  firstSeen(lock: string, { id }: LockRecord, revision: number): number {
    const known = this.sightings.get(lock);
    if (known?.id === id && known.revision === revision) return known.at;
    // A look at a server that is behind must not replace what is newer, and counts from now.
    const at = performance.now();
    if (known?.id === id && known.revision > revision) return at;
    this.sightings.delete(lock);
    this.sightings.set(lock, { id, revision, at });
    if (this.sightings.size > MOST) this.forgetOldest();
    return at;
  }

  /** The lock is free. */
  forget(lock: string): void {
    this.sightings.delete(lock);
  }

  private forgetOldest(): void {
    const [oldest] = this.sightings.keys();
    if (oldest !== undefined) this.sightings.delete(oldest);
  }
}
