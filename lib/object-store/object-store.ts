import { Buffer } from 'node:buffer';
import { nuid } from '@nats-io/transport-node';
import {
  BucketLinkError,
  BucketNotFoundError,
  InvalidArgumentError,
  LinkLoopError,
  LinkToDeletedObjectError,
  LinkToLinkError,
  ObjectDeletedError,
  ObjectExistsError,
  ObjectNotFoundError,
  StreamNotFoundError,
} from '../errors/index.js';
import type { JetStreamService, StreamInfo } from '../jetstream/index.js';
import type { ObjectSource } from './chunk-source.js';
import { ObjectCatalog } from './object-catalog.js';
import { readBytes } from './object-bytes.js';
import { getToFile, putFromFile } from './object-file.js';
import { toWireMeta, type ObjectInfo, type ObjectLink, type ObjectMeta } from './object-info.js';
import { ObjectNames } from './object-names.js';
import { ObjectPut, type ObjectPutOptions } from './object-put.js';
import { ObjectReadable } from './object-readable.js';
import { toStatus, type ObjectStoreStatus } from './object-store-config.js';
import { ObjectWatcher, type ObjectWatchOptions } from './object-watcher.js';

/** Options of reading an object. */
export interface ObjectGetOptions {
  /** Gives the (empty) content of a deleted object instead of an error. Default `false`. */
  readonly showDeleted?: boolean;
  /** Ends the transfer with the signal's reason. */
  readonly signal?: AbortSignal;
  /** How long nothing may come, although more is wanted, before the get fails, in milliseconds. Default 30,000. */
  readonly stallTimeout?: number;
}

/**
 * A bucket of objects: content of any size under a name, with a description (ADR-20).
 *
 * An object is split into chunks, which are messages of the bucket's stream; its description, which is another message,
 * makes it visible when it is complete. Until then, and where a put fails, an older object of that name stays as it is.
 */
export class ObjectStore {
  private readonly catalog: ObjectCatalog;
  private readonly names: ObjectNames;

  /** @internal Made by `ObjectStoreService`. */
  constructor(
    private readonly jetstream: JetStreamService,
    /** The name of the bucket. */
    readonly bucket: string,
  ) {
    this.names = new ObjectNames(bucket);
    this.catalog = new ObjectCatalog(jetstream, this.names);
  }

  /**
   * Stores what a source gives, in place of an object of that name. Holds a few megabytes of it at a time.
   *
   * @param meta the name, or the name and more
   * @returns the description of the object
   * @throws what the source throws
   * @throws {@link InvalidObjectNameError}, {@link InvalidArgumentError}, {@link LinkNotAllowedError}
   * @throws {@link ObjectRevisionMismatchError} where it is not at `previousRevision`
   * @throws {@link StreamFullError} where the bucket is full
   * @throws {@link ObjectTransferStalledError} where the server takes no more chunks; {@link BucketNotFoundError}
   */
  async put(
    meta: ObjectMeta | string,
    source: ObjectSource,
    options: ObjectPutOptions = {},
  ): Promise<ObjectInfo> {
    return this.newPut(meta, options).source(source);
  }

  /** Stores bytes; see {@link ObjectStore.put}. They must not be changed before this resolves. */
  async putBytes(
    meta: ObjectMeta | string,
    data: Uint8Array,
    options: ObjectPutOptions = {},
  ): Promise<ObjectInfo> {
    if (!(data instanceof Uint8Array)) throw new InvalidArgumentError('data', 'a Uint8Array');
    return this.newPut(meta, options).bytes(data);
  }

  /** Stores text as UTF-8; see {@link ObjectStore.put}. */
  async putString(
    meta: ObjectMeta | string,
    text: string,
    options: ObjectPutOptions = {},
  ): Promise<ObjectInfo> {
    if (typeof text !== 'string') throw new InvalidArgumentError('text', 'a string');
    return this.newPut(meta, options).bytes(Buffer.from(text, 'utf8'));
  }

  /**
   * Stores the content of a file; see {@link ObjectStore.put}.
   *
   * @param meta the name and more. Default name: the path as given, as in the Go client
   * @throws the error of the file system where the file cannot be read
   */
  async putFile(
    path: string,
    meta: Partial<ObjectMeta> = {},
    options: ObjectPutOptions = {},
  ): Promise<ObjectInfo> {
    return putFromFile(path, this.newPut({ name: path, ...meta }, options));
  }

  /**
   * The content of an object, as a stream that ends after the digest was verified. Follows links.
   *
   * @throws {@link ObjectNotFoundError}, {@link ObjectDeletedError}, {@link InvalidObjectNameError}
   * @throws {@link ObjectIncompleteError} where chunks are missing, before any is read
   * @throws {@link BucketLinkError}, {@link LinkLoopError}, {@link BucketNotFoundError} of a link
   */
  async get(name: string, options: ObjectGetOptions = {}): Promise<ObjectReadable> {
    const stallTimeout = checkStallTimeout(options);
    const [catalog, info] = await this.resolve(name, options.showDeleted);
    return ObjectReadable.open(this.jetstream.api, catalog, info, stallTimeout, options.signal);
  }

  /**
   * The content of an object in memory; see {@link ObjectStore.get}.
   *
   * @throws {@link DigestMismatchError}
   * @throws RangeError where it is larger than a `Buffer` can be
   */
  async getBytes(name: string, options: ObjectGetOptions = {}): Promise<Buffer> {
    const stallTimeout = checkStallTimeout(options);
    const [catalog, info] = await this.resolve(name, options.showDeleted);
    return readBytes(this.jetstream.api, catalog, info, stallTimeout, options.signal);
  }

  /** The content of an object as text, from UTF-8; see {@link ObjectStore.getBytes}. */
  async getString(name: string, options: ObjectGetOptions = {}): Promise<string> {
    return (await this.getBytes(name, options)).toString('utf8');
  }

  /**
   * Writes the content of an object into a file; see {@link ObjectStore.get}. The file appears under its name, in place
   * of another one perhaps, when the content is complete and verified; where that fails, no file is left behind.
   *
   * @returns the description of the object
   */
  async getFile(name: string, path: string, options: ObjectGetOptions = {}): Promise<ObjectInfo> {
    return getToFile(await this.get(name, options), path);
  }

  /**
   * The description of an object, or of a link itself.
   *
   * @param options.showDeleted gives that of a deleted object instead of an error; default `false`
   * @throws {@link ObjectNotFoundError}, {@link ObjectDeletedError}, {@link InvalidObjectNameError}
   */
  async info(name: string, options: { readonly showDeleted?: boolean } = {}): Promise<ObjectInfo> {
    return (await this.catalog.get(name, options.showDeleted)).info;
  }

  /**
   * Changes the description of an object or a link, and renames it where `meta` has another name. What is left out stays
   * as it is; the content and `chunkSize` do, too.
   *
   * @returns the new description
   * @throws {@link ObjectNotFoundError}, {@link ObjectDeletedError}
   * @throws {@link ObjectExistsError} where the new name is taken
   */
  async updateMeta(name: string, meta: Partial<Omit<ObjectMeta, 'chunkSize'>>): Promise<ObjectInfo> {
    const newName = meta.name ?? name;
    const change = toWireMeta(meta);
    if (newName === name) {
      const { info } = await this.catalog.replace(name, (current) => {
        if (!current) throw new ObjectNotFoundError(this.bucket, name);
        if (current.info.deleted) throw new ObjectDeletedError(this.bucket, name);
        return { ...current.wire, ...change };
      });
      return info;
    }
    const renamed = await this.catalog.get(name);
    const { info } = await this.catalog.replace(newName, (current) => {
      if (current && !current.info.deleted) throw new ObjectExistsError(this.bucket, newName);
      return { ...renamed.wire, ...change, name: newName };
    });
    await this.catalog.purge(this.names.info(name), renamed.info.revision);
    return info;
  }

  /**
   * Deletes the content of an object, and leaves a mark in place of its description. Does nothing where the object is
   * deleted already.
   *
   * @throws {@link ObjectNotFoundError}, {@link InvalidObjectNameError}
   */
  async delete(name: string): Promise<void> {
    const { previous } = await this.catalog.replace(name, (current) => {
      if (!current) throw new ObjectNotFoundError(this.bucket, name);
      if (current.info.deleted) return current.wire;
      return { ...current.wire, size: 0, chunks: 0, digest: undefined, deleted: true };
    });
    if (previous && previous.info.nuid !== '') {
      await this.catalog.purge(this.names.chunks(previous.info.nuid));
    }
  }

  /**
   * The descriptions of all objects and links.
   *
   * @param options.showDeleted those of deleted objects, too; default `false`
   */
  async *list(options: { readonly showDeleted?: boolean } = {}): AsyncGenerator<ObjectInfo, void, undefined> {
    const watcher = await this.watch({ ignoreDeletes: !options.showDeleted });
    void watcher.initialized.then(() => watcher.drain());
    for await (const { initial, ...info } of watcher) {
      if (!initial) return;
      yield info;
    }
  }

  /**
   * Follows the descriptions of all objects and links.
   *
   * @throws {@link BucketNotFoundError}, {@link InvalidArgumentError}
   */
  async watch(options: ObjectWatchOptions = {}): Promise<ObjectWatcher> {
    const watcher = new ObjectWatcher(this.jetstream.api, this.catalog, options);
    await this.ofBucket(watcher.start());
    return watcher;
  }

  /** Configuration and state of the bucket. @throws {@link BucketNotFoundError} */
  async status(): Promise<ObjectStoreStatus> {
    return toStatus(await this.streamInfo());
  }

  /**
   * Makes the bucket read-only for ever: nothing can be put, changed or deleted any more, only the whole bucket.
   *
   * @throws {@link BucketNotFoundError}
   */
  async seal(): Promise<ObjectStoreStatus> {
    const { config } = await this.streamInfo();
    const stream = await this.jetstream.updateStream({ ...config, sealed: true });
    return toStatus(stream.cachedInfo);
  }

  /**
   * Makes a link to an object, of this bucket or another one. May replace a link or a deleted object.
   *
   * @param name the name of the link
   * @param target the description of the object to link to
   * @throws {@link LinkToDeletedObjectError}, {@link LinkToLinkError}
   * @throws {@link ObjectExistsError} where the name is taken by an object that is not a link
   * @throws {@link InvalidObjectNameError}
   */
  async addLink(name: string, target: ObjectInfo): Promise<ObjectInfo> {
    if (target.deleted) throw new LinkToDeletedObjectError(this.bucket, name, target.name);
    if (target.link) throw new LinkToLinkError(this.bucket, name, target.name);
    return this.putLink(name, { bucket: target.bucket, name: target.name });
  }

  /**
   * Makes a link to a whole bucket. It has no content, but its description tells the bucket. May replace a link or a
   * deleted object.
   *
   * @throws {@link ObjectExistsError}, {@link InvalidObjectNameError}
   */
  async addBucketLink(name: string, target: ObjectStore): Promise<ObjectInfo> {
    return this.putLink(name, { bucket: target.bucket });
  }

  private newPut(meta: ObjectMeta | string, options: ObjectPutOptions): ObjectPut {
    const full = typeof meta === 'string' ? { name: meta } : meta;
    return new ObjectPut(this.jetstream, this.catalog, full, options);
  }

  private async putLink(name: string, link: ObjectLink): Promise<ObjectInfo> {
    const { info } = await this.catalog.replace(name, (current) => {
      if (current && !current.info.deleted && !current.info.link) {
        throw new ObjectExistsError(this.bucket, name);
      }
      return { name, options: { link }, bucket: this.bucket, nuid: nuid.next(), size: 0, chunks: 0 };
    });
    return info;
  }

  /** Where the content of an object is: of the object that a link leads to, where it is one. */
  private async resolve(
    name: string,
    showDeleted: boolean | undefined,
  ): Promise<[ObjectCatalog, ObjectInfo]> {
    let { catalog } = this;
    let { info } = await catalog.get(name, showDeleted);
    for (let followed = 0; info.link && !info.deleted; followed++) {
      const { link } = info;
      if (link.name === undefined) throw new BucketLinkError(this.bucket, name, link.bucket);
      if (followed === MAXIMUM_LINKS) throw new LinkLoopError(this.bucket, name);
      if (link.bucket !== catalog.names.bucket) {
        catalog = new ObjectCatalog(this.jetstream, new ObjectNames(link.bucket));
      }
      ({ info } = await catalog.get(link.name));
    }
    return [catalog, info];
  }

  private async streamInfo(): Promise<StreamInfo> {
    return (await this.ofBucket(this.jetstream.stream(this.names.stream))).cachedInfo;
  }

  private async ofBucket<R>(operation: Promise<R>): Promise<R> {
    try {
      return await operation;
    } catch (cause) {
      if (!(cause instanceof StreamNotFoundError)) throw cause;
      throw new BucketNotFoundError('Object Store', this.bucket, { cause });
    }
  }
}

// A link to a link can come about when the target of a link is replaced by one; no use needs many.
const MAXIMUM_LINKS = 16;
const DEFAULT_STALL_TIMEOUT = 30_000;

function checkStallTimeout({ stallTimeout = DEFAULT_STALL_TIMEOUT }: ObjectGetOptions): number {
  if (!Number.isFinite(stallTimeout) || stallTimeout <= 0) {
    throw new InvalidArgumentError(
      'stallTimeout',
      `${stallTimeout} is not a positive number of milliseconds`,
    );
  }
  return stallTimeout;
}
