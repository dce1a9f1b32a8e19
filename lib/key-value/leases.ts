/** The locks and elections of one service, so that shutdown can give them back. */
export class Leases {
  private readonly held = new Map<object, () => Promise<void>>();

  add(lease: object, release: () => Promise<void>): void {
    this.held.set(lease, release);
  }

  remove(lease: object): void {
    this.held.delete(lease);
  }

  async releaseAll(): Promise<void> {
    await Promise.all([...this.held.values()].map((release) => release()));
  }
}
