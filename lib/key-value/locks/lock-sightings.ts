import type { LockRecord } from './lock-record.js';

/** A renewal of a holder, and when this process saw it first. */
interface Sighting {
  readonly id: string;
  readonly revision: number;
  readonly at: number;
}

/** The number of locks whose last renewal is remembered. */
const MOST = 10_000;

/**
 * Remembers when this process first saw the last renewal of each lock holder. Callers with a wait shorter than the ttl
 * try repeatedly, and without this memory each call would count from the beginning, so they could never obtain the lock
 * of a crashed process.
 */
export class LockSightings {
  private readonly sightings = new Map<string, Sighting>();

  /**
   * When this renewal was first seen, on the clock of `performance.now()`.
   *
   * @param lock bucket and key
   */
  firstSeen(lock: string, { id }: LockRecord, revision: number): number {
    const known = this.sightings.get(lock);
    if (known?.id === id && known.revision === revision) return known.at;
    // The state of a server that is behind must not replace a newer one; it counts from now.
    const at = performance.now();
    if (known?.id === id && known.revision > revision) return at;
    this.sightings.delete(lock);
    this.sightings.set(lock, { id, revision, at });
    if (this.sightings.size > MOST) this.forgetOldest();
    return at;
  }

  /** Called when the lock is free. */
  forget(lock: string): void {
    this.sightings.delete(lock);
  }

  private forgetOldest(): void {
    const [oldest] = this.sightings.keys();
    if (oldest !== undefined) this.sightings.delete(oldest);
  }
}
