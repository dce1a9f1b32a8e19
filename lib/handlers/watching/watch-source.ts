import type { MsgHdrs } from '@nats-io/transport-node';
import type { JetStreamConnection } from '../../connection/index.js';
import type { ObservedDelivery } from '../../instruments/index.js';
import type { StreamOrigin } from '../../jetstream/index.js';

/** The source that a watch handler follows. */
export interface WatchSource<Entry extends object> {
  readonly kind: 'kv-watch' | 'object-watch';
  /** The class and method. */
  readonly handler: string;
  readonly connection: JetStreamConnection;
  readonly bucket: string;
  /** Whether the startup waits until the initial values are handled. */
  readonly waitForInitialValues: boolean;
  /** When the bucket was created. Revisions of an earlier bucket with the same name are not valid in this one. */
  origin(): Promise<StreamOrigin>;
  /** Opens the watch, after the given revision if there is one. */
  open(owner: WatchOwner<Entry>, after: number | undefined): Promise<Watch>;
  /** The revision of an entry in the bucket. */
  revisionOf(entry: Entry): number;
  /** The key or name of an entry. */
  nameOf(entry: Entry): string;
  /** Whether deletions are skipped. */
  readonly ignoreDeletes: boolean;
  /** The value of an entry, without copying; empty for descriptions of objects. */
  bytesOf(entry: Entry): Uint8Array;
  /** The headers of the message of an entry. */
  headersOf(entry: Entry): MsgHdrs | undefined;
}

export interface WatchOwner<Entry extends object> {
  onEntry(entry: Entry): void | Promise<void>;
  /** Called when all values that the bucket had when the watch began are handled. */
  onInitialized(): void;
  /** Called when the bucket was deleted and created again; its entries follow. */
  onRestarted(): void;
  onError(error: Error): void;
}

/** An open watch. */
export interface Watch {
  /** Ends the watch; resolves when the current entry is handled. */
  stop(): Promise<void>;
}

/** An entry as instruments see it. */
export class ObservedEntry<Entry extends object> implements ObservedDelivery {
  constructor(
    private readonly source: WatchSource<Entry>,
    private readonly entry: Entry,
  ) {}

  get subject(): string {
    return this.source.nameOf(this.entry);
  }

  get data(): Uint8Array {
    return this.source.bytesOf(this.entry);
  }

  get headers(): MsgHdrs | undefined {
    return this.source.headersOf(this.entry);
  }

  get revision(): number {
    return this.source.revisionOf(this.entry);
  }
}
