import type { NatsConnection } from '@nats-io/transport-node';

/**
 * One comparison of this library with the raw `@nats-io` client. A file `bench/suites/<name>.ts` whose default export
 * is a `Suite` is run by `npm run bench -- <name>`; it does not have to be registered.
 */
export interface Suite {
  /** The counted unit, in the plural: `messages`, `puts`, `MiB`. */
  readonly unit: string;
  /** How many of them make a round, unless `--messages` says otherwise. */
  readonly operations: number;
  /** Connects and creates both sides, once per run. The sides must be independent; they never run at the same time. */
  open(bench: Bench): Promise<Comparison>;
}

/** The two sides of a suite. */
export interface Comparison {
  readonly ours: Side;
  readonly raw: Side;
  /** Closes everything that `open` created. */
  close(): Promise<void>;
}

/** One side of a comparison. */
export interface Side {
  /** Brings everything back to the start of a round. Not timed. */
  prepare?(operations: number): Promise<void>;
  /**
   * Does that many operations and resolves when all of them are done. The time is measured from the call on, or from
   * the call of `begin` on if some preparation must not be counted.
   */
  run(operations: number, begin: () => void): Promise<void>;
  /** Throws if the work was not really done. Not timed. */
  verify?(operations: number): Promise<void>;
}

/** The environment that a suite gets: a server of its own and data to send. */
export interface Bench {
  /** The server's address. */
  readonly url: string;
  /** A new connection of the raw client, which the caller closes. */
  connect(): Promise<NatsConnection>;
  /** A new connection over a link of this library, which the caller closes. */
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

/** The measurement of one side in one round. */
export interface Measurement {
  /** Operations a second. */
  readonly rate: number;
  /** Microseconds of CPU (user and system, all threads of this process) an operation. */
  readonly cpu: number;
}
