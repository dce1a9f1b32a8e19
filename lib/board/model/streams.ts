import type { PageOf, ShownMessage } from './common.js';

/** The view `streams`: one page, sorted by name. */
export type StreamsView = PageOf<StreamRow>;

export interface StreamRow {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly messages: number;
  readonly bytes: number;
  readonly consumers: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly lastTime?: string;
  readonly storage: string;
  readonly retention: string;
  readonly replicas: number;
}

/** The view `stream`. */
export interface StreamView extends StreamRow {
  readonly created: string;
  /** The configuration, as this library names it. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly leader?: string;
}

/** The view `consumers` of a stream: one page. */
export type ConsumersView = PageOf<ConsumerRow>;

export interface ConsumerRow {
  readonly name: string;
  readonly stream: string;
  readonly filters: readonly string[];
  readonly isPush: boolean;
  /** Not delivered yet. */
  readonly pending: number;
  readonly ackPending: number;
  readonly redelivered: number;
  /** Pull requests that wait. */
  readonly waiting: number;
  readonly deliveredSequence: number;
  readonly ackFloor: number;
  readonly lastDelivered?: string;
  /** Until when the server delivers nothing (nats-server 2.11); absent if it is not paused. */
  readonly pausedUntil?: string;
  readonly config: Readonly<Record<string, unknown>>;
}

/** The view `messages` of a stream: newest first. `after` is the sequence below which the page begins. */
export type MessagesView = PageOf<ShownMessage>;

/** The view `buckets`: Key-Value buckets and object stores, one page of each. */
export type BucketsView = PageOf<BucketRow>;

export interface BucketRow {
  readonly kind: 'key-value' | 'object-store';
  readonly name: string;
  readonly description?: string;
  readonly entries: number;
  readonly bytes: number;
  readonly history?: number;
  readonly ttl?: number;
  readonly replicas: number;
  readonly storage: string;
  readonly sealed?: boolean;
}

/** The view `keys` of a Key-Value bucket: one page, sorted by the order in which they were written. */
export type KeysView = PageOf<KeyRow>;

export interface KeyRow {
  readonly key: string;
  readonly revision: number;
  readonly time: string;
  readonly operation: string;
  readonly size: number;
}

/** The view `entry`: a key with its history, newest first. */
export interface EntryView {
  readonly bucket: string;
  readonly key: string;
  readonly revisions: readonly (KeyRow & Pick<ShownMessage, 'payload' | 'headers'>)[];
}

/** The view `objects` of an object store: one page. */
export type ObjectsView = PageOf<ObjectRow>;

export interface ObjectRow {
  readonly name: string;
  readonly size: number;
  readonly chunks: number;
  readonly time: string;
  readonly digest?: string;
  readonly description?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** The object or store that it links to. */
  readonly link?: string;
}
