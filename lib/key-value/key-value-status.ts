import type { StorageType, StreamInfo } from '../jetstream/index.js';
import { fromStreamConfig, type KeyValueConfig } from './key-value-config.js';

/** A bucket's configuration and state at one moment. */
export class KeyValueStatus {
  /** The configuration. */
  readonly config: KeyValueConfig;
  /** What technology keeps the bucket. */
  readonly backingStore = 'JetStream';

  /** @internal */
  constructor(
    /** All that the server says about the stream that the bucket is. */
    readonly streamInfo: StreamInfo,
  ) {
    this.config = fromStreamConfig(streamInfo.config);
  }

  get bucket(): string {
    return this.config.bucket;
  }

  /** How many values there are, those of the history and marks of removed keys included. */
  get values(): number {
    return this.streamInfo.state.messages;
  }

  /** How many revisions of each key are kept. */
  get history(): number {
    return this.streamInfo.config.maxMessagesPerSubject;
  }

  /** How long a value is kept, in milliseconds; 0: for ever. */
  get ttl(): number {
    return this.streamInfo.config.maxAge;
  }

  /** How long the mark of an expired value is kept, in milliseconds; 0: there are none, and keys take no ttl. */
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
