import { Buffer } from 'node:buffer';
import { EventEmitter } from 'node:events';
import { InvalidArgumentError } from '../errors/index.js';
import type { KeyValue } from '../key-value/index.js';
import { LONGEST_TTL } from '../timing/index.js';
import { objectWith, requireValue } from '../validation/index.js';
import { toToken } from './cache-key.js';

/**
 * A Key-Value bucket as the store of a cache: a storage adapter for Keyv, and therefore for `@nestjs/cache-manager`.
 * All instances of an application share it.
 *
 * The bucket keeps no history, and should have a `ttl`, or a `limitMarkerTtl`, with which the server removes each value
 * when it expires (nats-server 2.11). If it has neither, expired values are not returned, but stay in the bucket until
 * they are written again.
 *
 * @example
 * ```ts
 * CacheModule.registerAsync({
 *   inject: [getKeyValueToken('cache')],
 *   useFactory: (bucket: KeyValue) => ({ stores: [new KeyValueCacheStore(bucket)], ttl: 60_000 }),
 * })
 * ```
 */
export class KeyValueCacheStore extends EventEmitter {
  /** Keyv reads this property of an adapter; there are no options. */
  readonly opts: Readonly<Record<string, unknown>> = {};
  /** Set by Keyv. `clear` removes the keys of the namespace, or all keys if there is none. */
  namespace: string | undefined;

  /** @throws {@link InvalidArgumentError} if it is not a bucket */
  constructor(private readonly bucket: KeyValue) {
    super();
    requireValue('bucket', bucket, objectWith(['get', 'put', 'purge'], 'a KeyValue'));
  }

  /**
   * Returns the stored value; `undefined` if there is none.
   *
   * @throws the errors of `KeyValue.get`
   */
  async get(key: string): Promise<string | undefined> {
    return (await this.bucket.get(this.keyOf(key)))?.text();
  }

  /**
   * Like {@link get}, for several keys at once.
   *
   * @throws the errors of {@link get}
   */
  getMany(keys: readonly string[]): Promise<(string | undefined)[]> {
    return Promise.all(keys.map((key) => this.get(key)));
  }

  /**
   * Stores the value that Keyv serialized.
   *
   * @param ttl in milliseconds. Default: no limit, or as long as the bucket keeps values. A ttl of more than 200 years
   * counts as no limit
   * @throws {@link InvalidArgumentError} if the value is not text, because serialization is disabled in Keyv
   */
  async set(key: string, value: unknown, ttl?: number): Promise<void> {
    if (typeof value !== 'string') {
      throw new InvalidArgumentError(
        'value',
        'it must be a string; do not turn off the serialization of Keyv (its options serialize and deserialize)',
      );
    }
    const { bucket, writer } = await this.open();
    const data = Buffer.from(value, 'utf8');
    if (ttl !== undefined && ttl > 0 && ttl <= LONGEST_TTL && bucket.allowsTtl) {
      await writer.putIf(this.keyOf(key), data, { ttl: Math.ceil(ttl / 1_000) * 1_000 });
    } else {
      await writer.put(this.keyOf(key), data);
    }
  }

  /**
   * Like {@link set}, for several values at once.
   *
   * @throws the errors of {@link set}
   */
  async setMany(
    values: readonly { readonly key: string; readonly value: unknown; readonly ttl?: number | undefined }[],
  ): Promise<void> {
    await Promise.all(values.map(({ key, value, ttl }) => this.set(key, value, ttl)));
  }

  /**
   * @returns whether there was a value
   * @throws the errors of `KeyValue.get` and `KeyValue.purge`
   */
  async delete(key: string): Promise<boolean> {
    const name = this.keyOf(key);
    if (!(await this.bucket.get(name))) return false;
    await this.bucket.purge(name);
    return true;
  }

  /**
   * Like {@link delete}, for several keys at once.
   *
   * @returns whether there was a value for each
   * @throws the errors of {@link delete}
   */
  async deleteMany(keys: readonly string[]): Promise<boolean> {
    return (await Promise.all(keys.map((key) => this.delete(key)))).every(Boolean);
  }

  /**
   * Whether there is a value.
   *
   * @throws the errors of {@link get}
   */
  async has(key: string): Promise<boolean> {
    return (await this.bucket.get(this.keyOf(key))) !== undefined;
  }

  /**
   * Like {@link has}, for several keys at once.
   *
   * @throws the errors of {@link get}
   */
  hasMany(keys: readonly string[]): Promise<boolean[]> {
    return Promise.all(keys.map((key) => this.has(key)));
  }

  /**
   * Removes all keys of the namespace, including deletion markers. Watches of the bucket do not receive this.
   *
   * @throws {@link RequestTimeoutError}, {@link ConnectionClosedError}
   */
  async clear(): Promise<void> {
    const { jetstream, stream, prefix } = (await this.open()).bucket;
    const filter = this.namespace === undefined ? '>' : `${toToken(this.namespace)}.>`;
    await jetstream.api.call(`STREAM.PURGE.${stream}`, { filter: prefix + filter }, { stream });
  }

  /** Does nothing: the connection belongs to the module. It never rejects. */
  async disconnect(): Promise<void> {
    this.removeAllListeners();
  }

  /** With `connect: 'lazy'`, the first use opens the connection. */
  private async open(): Promise<KeyValue['access']> {
    const { connection } = this.bucket.access.bucket.jetstream;
    if (!connection.isReady) await connection.opened({});
    return this.bucket.access;
  }

  /** Keyv prefixes each key with its namespace and a colon; here the namespace becomes a separate token. */
  private keyOf(key: string): string {
    const { namespace } = this;
    if (typeof key !== 'string') throw new InvalidArgumentError('key', `a ${typeof key} is not a key`);
    return namespace !== undefined && key.startsWith(`${namespace}:`)
      ? `${toToken(namespace)}.${toToken(key.slice(namespace.length + 1))}`
      : toToken(key);
  }
}
