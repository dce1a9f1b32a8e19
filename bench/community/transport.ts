import type { Observable } from 'rxjs';

/** One transport, used as its README describes. */
export interface Transport {
  /** The name of the package, or of Nest's transport. */
  readonly name: string;
  readonly suites: readonly SuiteName[];
  /** The stream that events are stored in. */
  readonly stream: string;
  /** Boots an application with one handler of events and one of requests, which creates the stream and its consumer. */
  serve(url: string, storage: Storage, handlers: Handlers): Promise<Closeable>;
  /** An application that only sends, connected. */
  connect(url: string): Promise<Sender>;
}

export type SuiteName = 'emit' | 'events' | 'requests';

export type Storage = 'file' | 'memory';

export interface Closeable {
  close(): Promise<unknown>;
}

/** The functions that the controller of each transport calls. */
export interface Handlers {
  onEvent(order: Order): void;
}

/** The methods of a Nest `ClientProxy`, and a method that closes its application. */
export interface Sender extends Closeable {
  emit(order: Order): Observable<unknown>;
  send(order: Order): Observable<Total>;
  /** Resolves after a round trip on the client's connection. */
  flush(): Promise<void>;
}

/** The patterns that every transport handles. */
export const EVENT = 'events.placed';
export const EVENTS = 'events.>';
export const REQUEST = 'requests.total';

/** What is published and requested: 140 bytes of JSON, the same as in the other benchmarks. */
export const ORDER: Order = {
  id: 4711,
  customer: 'a77c2f6e-0d3b-4',
  total: 129.9,
  currency: 'EUR',
  items: [
    { sku: 'NB-204', quantity: 1 },
    { sku: 'US-18', quantity: 3 },
  ],
};

export interface Order {
  readonly id: number;
  readonly customer: string;
  readonly total: number;
  readonly currency: string;
  readonly items: readonly { readonly sku: string; readonly quantity: number }[];
}

export interface Total {
  readonly id: number;
  readonly total: number;
}
