import { Deadline } from '../../timing/index.js';
import { LockSightings } from './lock-sightings.js';

/** Gives a lock or an election up within a limit in time. It does not reject. */
type Release = (deadline: Deadline) => Promise<void>;

/** The locks and elections of one service, so that shutdown can give them up. */
export class Leases {
  /** What contenders have seen of the holders of locks. */
  readonly sightings = new LockSightings();
  private readonly held = new Map<object, Release>();

  /** How many locks are held and elections go on. */
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
   * Gives all of them up. Other processes get those that the server did not hear of in time when their ttl has passed.
   *
   * @param timeout how long to wait for the server, in milliseconds
   */
  async releaseAll(timeout: number): Promise<void> {
    const deadline = new Deadline(timeout);
    await deadline.wait(Promise.allSettled([...this.held.values()].map((release) => release(deadline))));
  }
}
