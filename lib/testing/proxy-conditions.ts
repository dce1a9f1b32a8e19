/** The direction of the bytes on a link through a proxy. */
export type NatsTestProxyDirection = 'from-client' | 'from-server';

/** The present state of a proxy, which all its links read for each chunk of bytes. */
export class ProxyConditions {
  /** How long bytes are in transit in each direction, in milliseconds. */
  latency = 0;
  /** How much later than its last bytes the end of one side reaches the other, in milliseconds. */
  closeDelay = 0;
  /** The maximum size of the chunks in which the bytes of the server reach the client. */
  chunkSize = Infinity;
  /** Whether new links are accepted. */
  isOpen = true;
  private readonly swallowed = new Set<NatsTestProxyDirection>();

  swallow(directions: readonly NatsTestProxyDirection[]): void {
    for (const direction of directions) this.swallowed.add(direction);
  }

  swallows(direction: NatsTestProxyDirection): boolean {
    return this.swallowed.has(direction);
  }

  /** Returns to the state without disturbances. */
  reset(): void {
    this.latency = 0;
    this.closeDelay = 0;
    this.chunkSize = Infinity;
    this.isOpen = true;
    this.swallowed.clear();
  }
}
