import type { StorageType, StreamInfo } from '../jetstream/index.js';
import { fromStreamConfig, type KeyValueConfig } from './key-value-config.js';

/** A bucket's configuration and state at one moment. */
export class KeyValueStatus {
  /** The configuration. */
  readonly config: KeyValueConfig;
  /** The technology that stores the bucket. */
  readonly backingStore = 'JetStream';

  /** @internal */
  constructor(
    /** The information about the stream of the bucket. */
    readonly streamInfo: StreamInfo,
  ) {
    this.config = fromStreamConfig(streamInfo.config);
  }

  get bucket(): string {
    return this.config.bucket;
  }

  /** The number of values, including history and deletion markers. */
  get values(): number {
    return this.streamInfo.state.messages;
  }

  /** The number of revisions kept of each key. */
  get history(): number {
    return this.streamInfo.config.maxMessagesPerSubject;
  }

  /** How long a value is kept, in milliseconds; 0: no limit. */
  get ttl(): number {
    return this.streamInfo.config.maxAge;
  }

  /**
   * How long the marker of an expired value is kept, in milliseconds; 0: there are no markers, and keys have no ttl.
   */
  get limitMarkerTtl(): number {
    return this.streamInfo.config.subjectDeleteMarkerTtl ?? 0;
  }

  /** The size of all values, in bytes. */
  get bytes(): number {
    return this.streamInfo.state.bytes;
  }

  get storage(): StorageType {
    return this.streamInfo.config.storage;
  }

  get replicas(): number {
    return this.streamInfo.config.replicas;
  }

  get compressed(): boolean {
    return this.streamInfo.config.compression === 's2';
  }

  get metadata(): Readonly<Record<string, string>> {
    return this.streamInfo.config.metadata ?? {};
  }
}
