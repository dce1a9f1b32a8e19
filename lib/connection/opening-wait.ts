import type { NatsConnection } from '@nats-io/transport-node';

/** How long a call waits for the opening of its connection. */
export interface OpeningWait {
  /** In milliseconds, any number. Default: the connection's `jetstream.timeout`. */
  readonly timeout?: number | undefined;
  /** Ends the wait of this call. */
  readonly signal?: AbortSignal | undefined;
}

type Open = (signal: AbortSignal | undefined) => Promise<NatsConnection>;

const unopened = new WeakMap<NatsConnection, Open>();

/** Declares that a connection must be opened before others can share it. */
export function opensWith(nc: NatsConnection, open: Open): void {
  unopened.set(nc, open);
}

/** The connection itself; that of the client, after it was opened, if it is one of `connect: 'lazy'`. */
export async function openedNats(
  nc: NatsConnection,
  signal: AbortSignal | undefined,
): Promise<NatsConnection> {
  return unopened.get(nc)?.(signal) ?? nc;
}
