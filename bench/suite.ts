import type { NatsConnection } from '@nats-io/transport-node';

/**
 * One comparison of this library with the raw `@nats-io` client. A file `bench/suites/<name>.ts` whose default export
 * is a `Suite` is run by `npm run bench -- <name>`; there is no list to add it to.
 */
export interface Suite {
  /** What is counted, in the plural: `messages`, `puts`, `MiB`. */
  readonly unit: string;
  /** How many of them make a round, unless `--messages` says otherwise. */
  readonly operations: number;
  /** Connects and makes both sides, once a run. What it makes must be independent: the sides never run at once. */
  open(bench: Bench): Promise<Comparison>;
}

/** The two sides of a suite. */
export interface Comparison {
  readonly ours: Side;
  readonly raw: Side;
  /** Closes what `open` made. */
  close(): Promise<void>;
}

/** One side of a comparison. */
export interface Side {
  /** Brings everything back to the start of a round. Not timed. */
  prepare?(operations: number): Promise<void>;
  /**
   * Does that many operations and resolves when all of them are done. Timed, from the call on; or from the call of
   * `begin` on, where something that does not count has to go before.
   */
  run(operations: number, begin: () => void): Promise<void>;
  /** Throws where the work was not really done. Not timed. */
  verify?(operations: number): Promise<void>;
}

/** What a suite gets from the framework: a server of its own and something to send. */
export interface Bench {
  /** The server's address. */
  readonly url: string;
  /** A new connection of the raw client. Whoever asks for it closes it. */
  connect(): Promise<NatsConnection>;
  /** Likewise, over a link of this library. */
  connectOurs(): Promise<NatsConnection>;
  /** A plain object of 140 bytes as JSON. */
  readonly value: BenchValue;
  /** `value` as JSON in UTF-8: 140 bytes. */
  readonly payload: Uint8Array;
}

/** The object that suites publish, store and read. */
export interface BenchValue {
  readonly id: number;
  readonly customer: string;
  readonly total: number;
  readonly currency: string;
  readonly items: readonly { readonly sku: string; readonly quantity: number }[];
}
