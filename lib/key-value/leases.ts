import { within } from '../timing/index.js';

/** The locks and elections of one service, so that shutdown can give them back. */
export class Leases {
  private readonly held = new Map<object, () => Promise<void>>();

  add(lease: object, release: () => Promise<void>): void {
    this.held.set(lease, release);
  }

  remove(lease: object): void {
    this.held.delete(lease);
  }

  /**
   * Releases all. The server removes what could not be released in time when its ttl has passed.
   *
   * @param timeout how long to wait for the server, in milliseconds
   */
  async releaseAll(timeout: number): Promise<void> {
    await within(timeout, Promise.allSettled([...this.held.values()].map((release) => release())));
  }
}
