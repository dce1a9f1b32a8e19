import type { NatsConnection, Subscription } from '@nats-io/transport-node';
import { NotConnectedError } from '../errors/index.js';
import { JetStreamConnection, type JetStreamOptions } from './jetstream-connection.js';
import { type SharedWire, useWire } from './wire/index.js';

/**
 * A connection that is never opened, for `forRoot({ connect: false })`. Everything that needs a server throws or rejects
 * with {@link NotConnectedError}. It counts as supporting every feature, so that options are not refused because of the
 * version of a server that does not exist.
 */
export function unconnected(name: string, options: JetStreamOptions): JetStreamConnection {
  const nc = new UnconnectedNats(name);
  useWire(nc, refusingWire(nc));
  return new UnconnectedConnection(name, nc, options);
}

/** The wire of a connection without a link: everything throws {@link NotConnectedError}. */
export function refusingWire(nc: Pick<UnconnectedNats, 'refuse'>): SharedWire {
  return {
    publish: () => nc.refuse(),
    answer: () => nc.refuse(),
    subscribe: () => nc.refuse(),
    abandon: () => undefined,
  };
}

class UnconnectedConnection extends JetStreamConnection {
  override get isOpen(): boolean {
    return false;
  }

  override async flush(): Promise<void> {
    throw new NotConnectedError(this.name);
  }

  override async rtt(): Promise<number> {
    throw new NotConnectedError(this.name);
  }

  override supports(): boolean {
    return true;
  }

  override require(): void {}
}

/** The injected `NatsConnection` of a connection that is never opened, or not yet. */
export class UnconnectedNats implements NatsConnection {
  private readonly ended: Promise<void>;
  private end: () => void = () => undefined;
  private isOver = false;

  constructor(
    private readonly name: string,
    /** Whether it is opened later, by a call that can wait for that. */
    private readonly isLazy = false,
  ) {
    this.ended = new Promise((resolve) => (this.end = resolve));
  }

  /** @throws {@link NotConnectedError} */
  refuse(): never {
    throw new NotConnectedError(this.name, this.isLazy);
  }

  publish(): void {
    this.refuse();
  }

  publishMessage(): void {
    this.refuse();
  }

  respondMessage(): boolean {
    return this.refuse();
  }

  subscribe(): Subscription {
    return this.refuse();
  }

  async request(): Promise<never> {
    return this.refuse();
  }

  async requestMany(): Promise<never> {
    return this.refuse();
  }

  async flush(): Promise<void> {
    this.refuse();
  }

  async rtt(): Promise<number> {
    return this.refuse();
  }

  async reconnect(): Promise<void> {
    this.refuse();
  }

  setServers(): void {
    this.refuse();
  }

  getServers(): never[] {
    return [];
  }

  getServer(): string {
    return '';
  }

  stats(): { inBytes: number; outBytes: number; inMsgs: number; outMsgs: number } {
    return { inBytes: 0, outBytes: 0, inMsgs: 0, outMsgs: 0 };
  }

  /** There are no changes of the state; the iteration ends with the connection. */
  status(): AsyncIterable<never> {
    const next = async (): Promise<IteratorResult<never, undefined>> => {
      await this.ended;
      return { done: true, value: undefined };
    };
    return { [Symbol.asyncIterator]: () => ({ next }) };
  }

  closed(): Promise<void> {
    return this.ended;
  }

  async close(): Promise<void> {
    this.isOver = true;
    this.end();
  }

  drain(): Promise<void> {
    return this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  isClosed(): boolean {
    return this.isOver;
  }

  isDraining(): boolean {
    return false;
  }
}
