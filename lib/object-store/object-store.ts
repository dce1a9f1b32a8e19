import { Buffer } from 'node:buffer';
import { types } from 'node:util';
import { nuid } from '@nats-io/transport-node';
import {
  BucketLinkError,
  BucketNotFoundError,
  InvalidArgumentError,
  LinkLoopError,
  LinkToDeletedObjectError,
  LinkToLinkError,
  MirroredObjectStoreError,
  ObjectDeletedError,
  ObjectExistsError,
  ObjectNotFoundError,
  StreamNotFoundError,
} from '../errors/index.js';
import type { JetStreamService, Stream, StreamInfo } from '../jetstream/index.js';
import { shown } from '../reporting/index.js';
import { Deadline, retry, untilAborted } from '../timing/index.js';
import { throwIfAborted } from '../user-code/index.js';
import { checkDuration, checkObject, given, optionsCheck, type OrUndefined } from '../validation/index.js';
import type { ReadOptions } from './chunk-download.js';
import { type ObjectSource, piecesOf } from './chunk-source.js';
import { readBytes } from './object-bytes.js';
import { ObjectCatalog, type ReplaceOptions } from './object-catalog.js';
import { checkPath, getToFile, putFromFile } from './object-file.js';
import { checkMeta, type ObjectInfo, type ObjectLink, type ObjectMeta, toWireMeta } from './object-info.js';
import { isBucketName, ObjectNames, validateObjectName } from './object-names.js';
import { ObjectPut, type ObjectPutOptions } from './object-put.js';
import { ObjectReadable } from './object-readable.js';
import { type ObjectStoreStatus, toStatus } from './object-store-config.js';
import type { ObjectTransfers } from './object-transfers.js';
import { ObjectWatcher, type ObjectWatchOptions } from './object-watcher.js';
import { mayPass, PAUSES } from './transient.js';

/** Options of reading an object. */
export interface ObjectGetOptions {
  /** Gives the (empty) content of a deleted object instead of an error. Default `false`. */
  readonly showDeleted?: boolean | undefined;
  /** Ends the get with the signal's reason, at once. */
  readonly signal?: AbortSignal | undefined;
  /**
   * How long nothing may come, although more is wanted, before the get fails, in milliseconds. Elections of leaders that
   * take less are waited for. Default 30,000.
   */
  readonly stallTimeout?: number | undefined;
}

const checkGetOptions = optionsCheck<ObjectGetOptions>('get', {
  showDeleted: true,
  signal: true,
  stallTimeout: true,
});
const checkInfoOptions = optionsCheck<{ readonly showDeleted?: boolean | undefined }>('info', {
  showDeleted: true,
});

/**
 * A bucket of objects: content of any size under a name, with a description (ADR-20).
 *
 * An object is split into chunks, which are messages of the bucket's stream; its description, which is another message,
 * makes it visible when it is complete. Until then, and if a put fails, an older object of that name stays as it is.
 */
export class ObjectStore {
  /** The name of the bucket. */
  readonly bucket: string;
  private readonly jetstream: JetStreamService;
  private readonly catalog: ObjectCatalog;
  private readonly names: ObjectNames;
  private readonly replicated: boolean;

  /** @internal Made by `ObjectStoreService`. */
  constructor(
    jetstream: JetStreamService,
    { config, created }: StreamInfo,
    private readonly transfers: ObjectTransfers,
  ) {
    this.jetstream = jetstream;
    this.names = ObjectNames.of(config);
    this.bucket = this.names.bucket;
    this.replicated = config.replicas > 1;
    this.catalog = new ObjectCatalog(jetstream, this.names, created);
  }

  /**
   * Stores what a source gives, in place of an object of that name. Holds a few megabytes of it at a time. If the put fails
   * or is refused, the source is closed.
   *
   * @param meta the name, or the name and more
   * @returns the description of the object
   * @throws what the source throws
   * @throws {@link InvalidObjectNameError}, {@link InvalidArgumentError}, {@link LinkNotAllowedError}
   * @throws {@link ObjectRevisionMismatchError} if it is not at `previousRevision`
   * @throws {@link StreamFullError} if the bucket is full
   * @throws {@link ObjectTransferStalledError} if the server takes no more chunks; {@link BucketNotFoundError}
   * @throws {@link PublishTimeoutError} if it remained unknown whether the description is stored: the object may be there
   * @throws {@link MirroredObjectStoreError} if the bucket is a mirror
   */
  async put(
    meta: ObjectMeta | string,
    source: ObjectSource,
    options: ObjectPutOptions = {},
  ): Promise<ObjectInfo> {
    const pieces = piecesOf(source);
    try {
      return await this.newPut(meta, options).source(pieces);
    } catch (error) {
      pieces.close(error);
      throw error;
    }
  }

  /** Stores bytes; see {@link ObjectStore.put}. They must not be changed before this resolves. */
  async putBytes(
    meta: ObjectMeta | string,
    data: Uint8Array,
    options: ObjectPutOptions = {},
  ): Promise<ObjectInfo> {
    if (!types.isUint8Array(data))
      throw new InvalidArgumentError('data', `${shown(data)} is not a Uint8Array`);
    return this.newPut(meta, options).bytes(data);
  }

  /** Stores text as UTF-8; see {@link ObjectStore.put}. */
  async putString(
    meta: ObjectMeta | string,
    text: string,
    options: ObjectPutOptions = {},
  ): Promise<ObjectInfo> {
    if (typeof text !== 'string') throw new InvalidArgumentError('text', `${shown(text)} is not a string`);
    return this.newPut(meta, options).bytes(Buffer.from(text, 'utf8'));
  }

  /**
   * Stores the content of a file; see {@link ObjectStore.put}.
   *
   * @param meta the name and more. Default name: the path as given, as in the Go client
   * @throws the error of the file system if the file cannot be read
   */
  async putFile(
    path: string,
    meta: Partial<OrUndefined<ObjectMeta>> = {},
    options: ObjectPutOptions = {},
  ): Promise<ObjectInfo> {
    checkPath(path);
    checkMeta(meta);
    return putFromFile(path, this.newPut({ name: path, ...given(meta) }, options));
  }

  /**
   * The content of an object, as a stream that ends after the digest was verified. Follows links.
   *
   * @throws {@link ObjectNotFoundError}, {@link ObjectDeletedError}, {@link InvalidObjectNameError}
   * @throws {@link ObjectIncompleteError} if chunks are missing, before any is read
   * @throws {@link BucketLinkError}, {@link LinkLoopError}, {@link BucketNotFoundError} of a link
   */
  async get(name: string, options: ObjectGetOptions = {}): Promise<ObjectReadable> {
    const read = readOptions(options);
    const [catalog, info] = await this.resolve(name, options.showDeleted, read);
    return ObjectReadable.open(catalog, info, read);
  }

  /**
   * The content of an object in memory; see {@link ObjectStore.get}.
   *
   * @throws {@link DigestMismatchError}
   * @throws {@link ObjectTooLargeError} if it is larger than a `Buffer` can be
   */
  async getBytes(name: string, options: ObjectGetOptions = {}): Promise<Buffer> {
    const read = readOptions(options);
    const [catalog, info] = await this.resolve(name, options.showDeleted, read);
    return readBytes(catalog, info, read);
  }

  /** The content of an object as text, from UTF-8; see {@link ObjectStore.getBytes}. */
  async getString(name: string, options: ObjectGetOptions = {}): Promise<string> {
    return (await this.getBytes(name, options)).toString('utf8');
  }

  /**
   * Writes the content of an object into a file; see {@link ObjectStore.get}. The file appears under its name, in place
   * of another one perhaps, when the content is complete and verified; if that fails, no file is left behind.
   *
   * @returns the description of the object
   */
  async getFile(name: string, path: string, options: ObjectGetOptions = {}): Promise<ObjectInfo> {
    checkPath(path);
    return getToFile(await this.get(name, options), path);
  }

  /**
   * The description of an object, or of a link itself.
   *
   * @param options.showDeleted gives that of a deleted object instead of an error; default `false`
   * @throws {@link ObjectNotFoundError}, {@link ObjectDeletedError}, {@link InvalidObjectNameError}
   */
  async info(
    name: string,
    options: { readonly showDeleted?: boolean | undefined } = {},
  ): Promise<ObjectInfo> {
    checkInfoOptions(options);
    return (await this.catalog.get(name, options.showDeleted)).info;
  }

  /**
   * Changes the description of an object or a link, and renames it if `meta` has another name. What is left out stays
   * as it is; the content and `chunkSize` do, too.
   *
   * @returns the new description
   * @throws {@link ObjectNotFoundError}, {@link ObjectDeletedError}
   * @throws {@link ObjectExistsError} if the new name is taken
   */
  async updateMeta(
    name: string,
    meta: Partial<OrUndefined<Omit<ObjectMeta, 'chunkSize'>>>,
  ): Promise<ObjectInfo> {
    checkMeta(meta);
    const newName = meta.name ?? name;
    const change = toWireMeta(meta);
    if (newName !== name) return this.rename(name, newName, change);
    const { info } = await this.replace(name, (current) => {
      if (!current) throw new ObjectNotFoundError(this.bucket, name);
      if (current.info.deleted) throw new ObjectDeletedError(this.bucket, name);
      return { ...current.wire, ...change };
    });
    return info;
  }

  /**
   * Deletes the content of an object, and leaves a mark in place of its description. Does nothing if the object is
   * deleted already.
   *
   * @throws {@link ObjectNotFoundError}, {@link InvalidObjectNameError}
   */
  async delete(name: string): Promise<void> {
    await this.remove(name, () => true);
  }

  /** @internal Deletes an object if it is still the version that was described. */
  async deleteVersion({ name, nuid: id }: ObjectInfo): Promise<void> {
    await this.remove(name, (current) => current.nuid === id);
  }

  /**
   * The descriptions of all objects and links, each once. An object that exists all the time is listed, however often it
   * is replaced meanwhile; one that is written or deleted meanwhile may be listed or not.
   *
   * @param options.showDeleted those of deleted objects, too; default `false`
   */
  async *list(
    options: { readonly showDeleted?: boolean | undefined } = {},
  ): AsyncGenerator<ObjectInfo, void, undefined> {
    const { showDeleted = false } = checkInfoOptions(options);
    // A server that is behind the others first delivers objects that were deleted, and afterwards that they were.
    if (this.replicated) yield* this.settledList(showDeleted);
    else yield* this.quickList(showDeleted);
  }

  /**
   * Follows the descriptions of all objects and links.
   *
   * @throws {@link BucketNotFoundError}, {@link InvalidArgumentError}
   */
  async watch(options: ObjectWatchOptions = {}): Promise<ObjectWatcher> {
    const watcher = new ObjectWatcher(this.catalog, options);
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
   * @throws {@link ObjectExistsError} if the name is taken by an object that is not a link
   * @throws {@link InvalidObjectNameError}
   */
  async addLink(name: string, target: ObjectInfo): Promise<ObjectInfo> {
    checkTarget(target);
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
    checkBucket(target);
    return this.putLink(name, { bucket: target.bucket });
  }

  private newPut(meta: ObjectMeta | string, options: ObjectPutOptions): ObjectPut {
    this.checkWritable();
    const full = typeof meta === 'string' ? { name: meta } : meta;
    const { catalog, transfers } = this;
    return new ObjectPut({ catalog, transfers, isNamed: (id) => this.isNamed(id) }, full, options);
  }

  private async rename(
    name: string,
    newName: string,
    change: ReturnType<typeof toWireMeta>,
  ): Promise<ObjectInfo> {
    this.checkWritable();
    const renamed = await this.catalog.get(name);
    const { info } = await this.replace(newName, (current) => {
      if (current && !current.info.deleted) throw new ObjectExistsError(this.bucket, newName);
      return { ...renamed.wire, ...change, name: newName };
    });
    await this.catalog.purge(this.names.info(name), renamed.info.revision);
    return info;
  }

  private async remove(name: string, isMeant: (current: ObjectInfo) => boolean): Promise<void> {
    const { catalog, transfers } = this;
    let removed: string | undefined;
    let unknown = false;
    try {
      await this.replace(
        name,
        (current) => {
          if (!current) throw new ObjectNotFoundError(this.bucket, name);
          const { deleted, nuid: id } = current.info;
          removed = undefined;
          if (!isMeant(current.info)) return current.wire;
          removed = id;
          if (deleted) return current.wire;
          return { ...current.wire, size: 0, chunks: 0, digest: undefined, deleted: true };
        },
        { onUnknown: () => (unknown = true) },
      );
    } catch (error) {
      if (unknown && removed) transfers.removeUnnamed(catalog, removed, (id) => this.isNamed(id));
      throw error;
    }
    if (removed) await transfers.remove(catalog, removed);
  }

  private async *quickList(showDeleted: boolean): AsyncGenerator<ObjectInfo, void, undefined> {
    // An object that is written while the server lists it comes twice.
    const seen = new Set<string>();
    for await (const info of this.present()) {
      if (info.deleted && !showDeleted) continue;
      if (!seen.has(info.name)) yield info;
      seen.add(info.name);
    }
  }

  private async *settledList(showDeleted: boolean): AsyncGenerator<ObjectInfo, void, undefined> {
    const objects = new Map<string, ObjectInfo>();
    for await (const info of this.present()) {
      objects.delete(info.name);
      if (!info.deleted || showDeleted) objects.set(info.name, info);
    }
    yield* objects.values();
  }

  private async *present(): AsyncGenerator<ObjectInfo, void, undefined> {
    const watcher = await this.watch();
    void watcher.initialized.then(
      () => watcher.drain(),
      () => undefined,
    );
    for await (const { initial, ...info } of watcher) {
      if (!initial) return;
      yield info;
    }
  }

  /** Whether the description of an object names an id. The mark of a deleted object does not count: it has no chunks. */
  private async isNamed(id: string): Promise<boolean> {
    for await (const info of this.present()) if (info.nuid === id && !info.deleted) return true;
    return false;
  }

  private async putLink(name: string, link: ObjectLink): Promise<ObjectInfo> {
    const { info } = await this.replace(name, (current) => {
      if (current && !current.info.deleted && !current.info.link) {
        throw new ObjectExistsError(this.bucket, name);
      }
      return { name, options: { link }, bucket: this.bucket, nuid: nuid.next(), size: 0, chunks: 0 };
    });
    return info;
  }

  private async replace(
    name: string,
    make: Parameters<ObjectCatalog['replace']>[1],
    options?: ReplaceOptions,
  ): ReturnType<ObjectCatalog['replace']> {
    this.checkWritable();
    return this.catalog.replace(name, make, options);
  }

  private checkWritable(): void {
    const { bucket, origin } = this.names;
    if (origin !== undefined) throw new MirroredObjectStoreError(bucket, origin);
  }

  /** Where the content of an object is: of the object that a link leads to, if it is one. */
  private resolve(
    name: string,
    showDeleted: boolean | undefined,
    { signal, deadline }: ReadOptions,
  ): Promise<[ObjectCatalog, ObjectInfo]> {
    throwIfAborted(signal);
    return untilAborted(signal, this.follow(name, showDeleted, deadline));
  }

  private async follow(
    name: string,
    showDeleted: boolean | undefined,
    deadline: Deadline,
  ): Promise<[ObjectCatalog, ObjectInfo]> {
    let { catalog } = this;
    let { info } = await catalog.get(name, showDeleted, deadline);
    for (let followed = 0; info.link && !info.deleted; followed++) {
      const { link } = info;
      if (link.name === undefined) throw new BucketLinkError(this.bucket, name, link.bucket);
      if (followed === MAXIMUM_LINKS) throw new LinkLoopError(this.bucket, name);
      catalog = await this.catalogOf(link.bucket, catalog);
      ({ info } = await catalog.get(link.name, false, deadline));
    }
    return [catalog, info];
  }

  private async catalogOf(bucket: string, current: ObjectCatalog): Promise<ObjectCatalog> {
    const { names } = current;
    // In a mirror, links to the origin lead to objects that the mirror has as well.
    if (bucket === names.bucket || bucket === names.origin) return current;
    const stream = await this.ofBucket(this.jetstream.stream(new ObjectNames(bucket).stream), bucket);
    const { config, created } = stream.cachedInfo;
    return new ObjectCatalog(this.jetstream, ObjectNames.of(config), created);
  }

  private async streamInfo(): Promise<StreamInfo> {
    const deadline = this.catalog.patience();
    const get = (): Promise<Stream> => this.jetstream.stream(this.names.stream);
    return (await this.ofBucket(retry(get, { ...PAUSES, retryable: mayPass, deadline }))).cachedInfo;
  }

  private async ofBucket<R>(operation: Promise<R>, bucket = this.bucket): Promise<R> {
    try {
      return await operation;
    } catch (cause) {
      if (!(cause instanceof StreamNotFoundError)) throw cause;
      throw new BucketNotFoundError('Object Store', bucket, { cause });
    }
  }
}

// A link to a link can come about when the target of a link is replaced by one; no use needs many.
const MAXIMUM_LINKS = 16;
const DEFAULT_STALL_TIMEOUT = 30_000;

function readOptions(options: ObjectGetOptions): ReadOptions {
  const { stallTimeout: asked = DEFAULT_STALL_TIMEOUT, signal } = checkGetOptions(options);
  const stallTimeout = checkDuration('stallTimeout', asked);
  return { stallTimeout, deadline: new Deadline(stallTimeout), signal };
}

function checkTarget(target: ObjectInfo): void {
  checkBucket(target);
  validateObjectName(target.name);
}

function checkBucket(target: { readonly bucket: string }): void {
  checkObject('target', target);
  if (typeof target.bucket !== 'string' || !isBucketName(target.bucket)) {
    throw new InvalidArgumentError(
      'target',
      `its bucket is ${shown(target.bucket)}, which no bucket can be called`,
    );
  }
}
