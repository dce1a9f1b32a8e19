import { Buffer } from 'node:buffer';
import { decodeValue, type Codec } from '../codecs/index.js';

/** The operation on a key: a value was put, the key was deleted, or deleted together with its history. */
export type KeyValueOperation = 'PUT' | 'DEL' | 'PURGE';

interface EntryFacts {
  readonly bucket: string;
  readonly key: string;
  /** The sequence of this change in the bucket, for {@link KeyValue.update}. */
  readonly revision: number;
  /** When the server stored the change. */
  readonly created: Date;
  /** The number of changes that follow in the current read: 0 for the last one. Always 0 for a result of `get`. */
  readonly delta: number;
  /** Whether the entry was in the bucket when the watch began. `false` for a result of `get`. */
  readonly initial: boolean;
  /** The value as it is stored. Empty if a watch has `metaOnly`. */
  readonly bytes: Uint8Array;
  /** The value as UTF-8 text. */
  text(): string;
}

/** A value. */
export interface KeyValuePut<T> extends EntryFacts {
  readonly operation: 'PUT';
  /**
   * The value, decoded by the bucket's codec on first access. Throws the error of the codec if it cannot decode the
   * bytes, which any client may have stored; `bytes` and `text()` return them undecoded.
   */
  readonly value: T;
}

/** The marker of a key that was deleted or purged, or whose value expired (if the bucket has `limitMarkerTtl`). */
export interface KeyValueRemoval extends EntryFacts {
  readonly operation: 'DEL' | 'PURGE';
  readonly value: undefined;
}

/** A change of a key; `operation` distinguishes values from removals. */
export type KeyValueEntry<T> = KeyValuePut<T> | KeyValueRemoval;

/** The common part of all kinds of entries. */
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
 * Reads the operation from the headers as transmitted. Markers of the server contain the reason (ADR-48); an unknown
 * `KV-Operation` counts as a value. Invalid headers are ignored.
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

/** The last value of a header in headers as transmitted: the server adds its headers after the stored ones. */
export function headerValue(headerText: string, name: string): string | undefined {
  const at = headerText.lastIndexOf(`\r\n${name}:`);
  if (at === -1) return undefined;
  const start = at + name.length + 3;
  const end = headerText.indexOf('\r\n', start);
  return headerText.slice(start, end === -1 ? undefined : end).trim();
}
