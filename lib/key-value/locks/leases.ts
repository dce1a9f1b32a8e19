import { Deadline } from '../../timing/index.js';
import { LockSightings } from './lock-sightings.js';

/** Releases a lock or withdraws from an election within a time limit. It does not reject. */
type Release = (deadline: Deadline) => Promise<void>;

/** The locks and elections of one service, so that the shutdown can release them. */
export class Leases {
  /** The records of lock holders that contenders have seen. */
  readonly sightings = new LockSightings();
  private readonly held = new Map<object, Release>();

  /** The number of held locks and running elections. */
  get size(): number {
    return this.held.size;
  }

  add(lease: object, release: Release): void {
    this.held.set(lease, release);
  }

  remove(lease: object): void {
    this.held.delete(lease);
  }

  /**
   * Releases all of them. If the server does not receive a release in time, other processes obtain the lock when its
   * ttl has passed.
   *
   * @param timeout how long to wait for the server, in milliseconds
   */
  async releaseAll(timeout: number): Promise<void> {
    const deadline = new Deadline(timeout);
    await deadline.wait(Promise.allSettled([...this.held.values()].map((release) => release(deadline))));
  }
}
