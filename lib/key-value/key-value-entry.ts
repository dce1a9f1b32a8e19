import { Buffer } from 'node:buffer';
import { decodeValue, type Codec } from '../codecs/index.js';

/** What was done to a key: a value was put, the key was deleted, or deleted together with its history. */
export type KeyValueOperation = 'PUT' | 'DEL' | 'PURGE';

interface EntryFacts {
  readonly bucket: string;
  readonly key: string;
  /** The sequence of this change in the bucket, which {@link KeyValue.update} takes. */
  readonly revision: number;
  /** When the server stored it. */
  readonly created: Date;
  /** How many changes follow in what is being read: 0 for the last one. Always 0 for what `get` answers. */
  readonly delta: number;
  /** Whether the bucket held it when the watch began. `false` for what `get` answers. */
  readonly initial: boolean;
  /** The value as it is stored. Empty where a watch has `metaOnly`. */
  readonly bytes: Uint8Array;
  /** The value as UTF-8 text. */
  text(): string;
}

/** A value. */
export interface KeyValuePut<T> extends EntryFacts {
  readonly operation: 'PUT';
  /**
   * The value, decoded by the bucket's codec when it is first asked for. Throws what the codec throws if it cannot decode
   * the bytes, which any client may have stored; `bytes` and `text()` read them as they are.
   */
  readonly value: T;
}

/** The mark of a key that was deleted, purged, or whose value expired (where the bucket has `limitMarkerTtl`). */
export interface KeyValueRemoval extends EntryFacts {
  readonly operation: 'DEL' | 'PURGE';
  readonly value: undefined;
}

/** One change of one key; `operation` tells a value from a removal. */
export type KeyValueEntry<T> = KeyValuePut<T> | KeyValueRemoval;

/** What all kinds of entries have in common. @internal */
export abstract class BaseEntry<T> {
  private decoded: T | undefined;
  private isDecoded = false;

  constructor(
    readonly bucket: string,
    readonly key: string,
    readonly operation: KeyValueOperation,
    readonly bytes: Uint8Array,
    private readonly codec: Codec<T>,
  ) {}

  get value(): T | undefined {
    if (!this.isDecoded && this.operation === 'PUT') {
      this.decoded = decodeValue(this.codec, this.bytes);
      this.isDecoded = true;
    }
    return this.decoded;
  }

  text(): string {
    const { bytes } = this;
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  }
}

const VERSION = 'NATS/1.0';

/**
 * What a removal looks like in the headers of a message as they travel. Markers of the server say why (ADR-48); a
 * `KV-Operation` other than the two known ones stands for a value. Headers that cannot be read count as none.
 */
export function operationOf(headerText: string): KeyValueOperation {
  if (!headerText.startsWith(VERSION)) return 'PUT';
  const operation = headerValue(headerText, 'KV-Operation');
  if (operation !== undefined) return operation === 'DEL' || operation === 'PURGE' ? operation : 'PUT';
  switch (headerValue(headerText, 'Nats-Marker-Reason')) {
    case 'MaxAge':
    case 'Purge':
      return 'PURGE';
    case 'Remove':
      return 'DEL';
    default:
      return 'PUT';
  }
}

/** The last value of a header in headers as they travel: what the server adds comes after what is stored. */
export function headerValue(headerText: string, name: string): string | undefined {
  const at = headerText.lastIndexOf(`\r\n${name}:`);
  if (at === -1) return undefined;
  const start = at + name.length + 3;
  const end = headerText.indexOf('\r\n', start);
  return headerText.slice(start, end === -1 ? undefined : end).trim();
}
