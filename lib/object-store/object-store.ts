import { Buffer } from 'node:buffer';
import { types } from 'node:util';
import { InvalidArgumentError, LinkToDeletedObjectError, LinkToLinkError } from '../errors/index.js';
import { type OperationKind, OperationObserver } from '../instruments/index.js';
import {
  CALL_OPTIONS,
  type CallOptions,
  inSteps,
  type JetStreamService,
  type StreamInfo,
  type WatchReports,
} from '../jetstream/index.js';
import { shown } from '../reporting/index.js';
import { checkCallbacks, checkObject, given, optionsCheck, type OrUndefined } from '../validation/index.js';
import { type ObjectSource, piecesOf } from './chunk-source.js';
import { readBytes } from './object-bytes.js';
import { ObjectCatalog } from './object-catalog.js';
import { ObjectChanges } from './object-changes.js';
import { findContent, type ObjectGetOptions } from './object-content.js';
import { checkPath, getToFile, putFromFile } from './object-file.js';
import { checkMeta, type ObjectInfo, type ObjectLink, type ObjectMeta, toWireMeta } from './object-info.js';
import { isNamed, listObjects, startFeed } from './object-listing.js';
import { isBucketName, ObjectNames, validateObjectName } from './object-names.js';
import { checkPutOptions, ObjectPut, type ObjectPutOptions } from './object-put.js';
import { ObjectReadable } from './object-readable.js';
import { type ObjectStoreStatus, toStatus } from './object-store-config.js';
import type { ObjectTransfers } from './object-transfers.js';
import { checkWatchOptions, ObjectStoreWatch, type ObjectWatchOptions } from './object-store-watch.js';

/** Options of reading descriptions. */
export interface ObjectInfoOptions extends CallOptions {
  /** Also returns the descriptions of deleted objects. Default `false`. */
  readonly showDeleted?: boolean | undefined;
}

const checkInfoOptions = optionsCheck<ObjectInfoOptions>('info', { ...CALL_OPTIONS, showDeleted: true });

/**
 * A bucket of objects: content of any size under a name, with a description (ADR-20).
 *
 * An object is split into chunks, which are messages of the bucket's stream; its description, which is another message,
 * makes it visible when it is complete. Until then, and if a put fails, an existing object with this name is unchanged.
 *
 * Every method has a `signal`. Methods that transfer content have a `stallTimeout`, all others the `timeout` of
 * {@link CallOptions}. Its default is three times the connection's `jetstream.timeout`: while the bucket has no leader,
 * operations that are safe to repeat are retried.
 */
export class ObjectStore {
  /** The name of the bucket. */
  readonly bucket: string;
  private readonly jetstream: JetStreamService;
  /** @internal For features of this package that are built on buckets. */
  readonly catalog: ObjectCatalog;
  private readonly changes: ObjectChanges;
  private readonly names: ObjectNames;
  private readonly puts: OperationObserver;
  private readonly gets: OperationObserver;
  private readonly updates: OperationObserver;
  private readonly links: OperationObserver;
  private readonly deletions: OperationObserver;

  /** @internal Created by `ObjectStoreService`. */
  constructor(
    jetstream: JetStreamService,
    { config, created, timestamp }: StreamInfo,
    private readonly transfers: ObjectTransfers,
  ) {
    this.jetstream = jetstream;
    this.names = ObjectNames.of(config);
    this.bucket = this.names.bucket;
    this.catalog = new ObjectCatalog(jetstream, this.names, { created, timestamp }, config.replicas > 1);
    this.changes = new ObjectChanges(this.catalog, transfers);
    const { instruments, name: connection } = jetstream.connection;
    const observer = (kind: OperationKind): OperationObserver =>
      new OperationObserver(instruments, { kind, connection, source: this.bucket });
    this.puts = observer('object-put');
    this.gets = observer('object-get');
    this.updates = observer('object-update');
    this.links = observer('object-link');
    this.deletions = observer('object-delete');
  }

  /**
   * Stores the content of a source, and replaces an existing object with this name. It holds a few megabytes at a time
   * in memory. If the put fails or is refused, the source is closed.
   *
   * @param meta the name, or the name with further properties
   * @returns the description of the object
   * @throws the error of the source
   * @throws {@link InvalidObjectNameError}, {@link InvalidArgumentError}, {@link LinkNotAllowedError}
   * @throws {@link ObjectRevisionMismatchError} if the object is not at `previousRevision`
   * @throws {@link StreamFullError} if the bucket is full
   * @throws {@link ObjectTransferStalledError} if the server accepts no more chunks; {@link BucketNotFoundError}
   * @throws {@link PublishTimeoutError} if it is unknown whether the description is stored: the object may exist
   * @throws {@link MirroredObjectStoreError} if the bucket is a mirror
   */
  async put(
    meta: ObjectMeta | string,
    source: ObjectSource,
    options: ObjectPutOptions = {},
  ): Promise<ObjectInfo> {
    const pieces = piecesOf(source);
    try {
      const { connection } = this.jetstream;
      if (!connection.isReady) await connection.opened({ signal: checkPutOptions(options).signal });
      const put = this.newPut(meta, options);
      return await this.putting(put, () => put.source(pieces));
    } catch (error) {
      pieces.close(error);
      throw error;
    }
  }

  /**
   * Stores bytes; see {@link ObjectStore.put}. They must not be changed before this resolves.
   *
   * @throws the errors of {@link put}
   */
  async putBytes(
    meta: ObjectMeta | string,
    data: Uint8Array,
    options: ObjectPutOptions = {},
  ): Promise<ObjectInfo> {
    if (!types.isUint8Array(data))
      throw new InvalidArgumentError('data', `${shown(data)} is not a Uint8Array`);
    const put = this.newPut(meta, options);
    return this.putting(put, () => put.bytes(data));
  }

  /**
   * Stores text as UTF-8; see {@link ObjectStore.put}.
   *
   * @throws the errors of {@link put}
   */
  async putString(
    meta: ObjectMeta | string,
    text: string,
    options: ObjectPutOptions = {},
  ): Promise<ObjectInfo> {
    if (typeof text !== 'string') throw new InvalidArgumentError('text', `${shown(text)} is not a string`);
    const put = this.newPut(meta, options);
    return this.putting(put, () => put.bytes(Buffer.from(text, 'utf8')));
  }

  /**
   * Stores the content of a file; see {@link ObjectStore.put}.
   *
   * @param meta the name and further properties. Default name: the path as given, as in the Go client
   * @throws the error of the file system if the file cannot be read
   * @throws the errors of {@link put}
   */
  async putFile(
    path: string,
    meta: Partial<OrUndefined<ObjectMeta>> = {},
    options: ObjectPutOptions = {},
  ): Promise<ObjectInfo> {
    checkPath(path);
    checkMeta(meta);
    const put = this.newPut({ name: path, ...given(meta) }, options);
    return this.putting(put, () => putFromFile(path, put));
  }

  /**
   * The content of an object, as a stream that ends after the digest was verified. Follows links.
   *
   * @throws {@link ObjectNotFoundError}, {@link ObjectDeletedError}, {@link InvalidObjectNameError}
   * @throws {@link ObjectIncompleteError} if chunks are missing, before any is read
   * @throws {@link BucketLinkError}, {@link LinkLoopError}, {@link BucketNotFoundError} of a link
   */
  async get(name: string, options: ObjectGetOptions = {}): Promise<ObjectReadable> {
    const operation = this.gets.begin({ target: name });
    try {
      const onOver =
        operation && ((error: Error | undefined, { size }: ObjectInfo) => operation.end({ error, size }));
      return await ObjectReadable.open(...(await findContent(this.catalog, name, options)), onOver);
    } catch (error) {
      operation?.fail(error);
      throw error;
    }
  }

  /**
   * The content of an object in memory; see {@link ObjectStore.get}.
   *
   * @throws {@link DigestMismatchError}
   * @throws {@link ObjectTooLargeError} if it is larger than the maximum size of a `Buffer`
   * @throws the errors of {@link get}
   */
  async getBytes(name: string, options: ObjectGetOptions = {}): Promise<Buffer> {
    const read = async (): Promise<Buffer> => readBytes(...(await findContent(this.catalog, name, options)));
    return this.gets.around({ target: name }, read, ({ length }) => ({ size: length }));
  }

  /**
   * The content of an object as text, from UTF-8; see {@link ObjectStore.getBytes}.
   *
   * @throws the errors of {@link getBytes}
   */
  async getString(name: string, options: ObjectGetOptions = {}): Promise<string> {
    return (await this.getBytes(name, options)).toString('utf8');
  }

  /**
   * Writes the content of an object into a file; see {@link ObjectStore.get}. The file appears under its name, and
   * replaces an existing one, when the content is complete and verified; otherwise no file is left behind.
   *
   * @returns the description of the object
   * @throws the errors of {@link get}, and {@link DigestMismatchError}
   * @throws the error of the file system if the file cannot be written
   */
  async getFile(name: string, path: string, options: ObjectGetOptions = {}): Promise<ObjectInfo> {
    checkPath(path);
    return getToFile(await this.get(name, options), path);
  }

  /**
   * The description of an object, or of a link itself.
   *
   * @throws {@link ObjectNotFoundError}, {@link ObjectDeletedError}, {@link InvalidObjectNameError}
   */
  async info(name: string, options: ObjectInfoOptions = {}): Promise<ObjectInfo> {
    const { showDeleted, timeout, signal } = checkInfoOptions(options);
    return inSteps({ timeout, signal }, async (left) => {
      return (await this.catalog.get(name, showDeleted, this.catalog.patience(left))).info;
    });
  }

  /**
   * Changes the description of an object or a link, and renames it if `meta` has another name. Omitted properties, the
   * content and `chunkSize` are not changed.
   *
   * @returns the new description
   * @throws {@link ObjectNotFoundError}, {@link ObjectDeletedError}
   * @throws {@link ObjectExistsError} if the new name is taken
   */
  async updateMeta(
    name: string,
    meta: Partial<OrUndefined<Omit<ObjectMeta, 'chunkSize'>>>,
    options: CallOptions = {},
  ): Promise<ObjectInfo> {
    checkMeta(meta);
    const newName = meta.name ?? name;
    const change = toWireMeta(meta);
    return this.updates.around(
      { target: newName },
      (operation) => this.changes.describe(name, newName, change, options, operation),
      revisionOf,
    );
  }

  /**
   * Deletes the content of an object, and replaces its description by a marker. Does nothing if the object is deleted
   * already.
   *
   * @throws {@link ObjectNotFoundError}, {@link InvalidObjectNameError}
   */
  async delete(name: string, options: CallOptions = {}): Promise<void> {
    await this.deletions.around(
      { target: name },
      (operation) => this.changes.remove(name, () => true, options, operation),
      (sequence) => ({ sequence }),
    );
  }

  /** @internal Deletes an object if it is still the described version. */
  async deleteVersion({ name, nuid: id }: ObjectInfo): Promise<void> {
    await this.changes.remove(name, (current) => current.nuid === id, {});
  }

  /**
   * The descriptions of all objects and links, each once. An object that exists the whole time is listed, even if it is
   * replaced in the meantime; an object that is created or deleted in the meantime may or may not be listed.
   *
   * The `timeout` is how long the server may send nothing.
   *
   * @param options.showDeleted also lists deleted objects; default `false`
   * @throws {@link BucketNotFoundError}, {@link InvalidArgumentError}, {@link RequestTimeoutError}
   */
  async *list(options: ObjectInfoOptions = {}): AsyncGenerator<ObjectInfo, void, undefined> {
    const { showDeleted = false, timeout, signal } = checkInfoOptions(options);
    yield* listObjects(this.catalog, showDeleted, { timeout, signal });
  }

  /**
   * Watches the descriptions of all objects and links. `timeout` and `signal` apply until the watch is active; `stop`
   * ends it afterwards.
   *
   * @throws {@link BucketNotFoundError}, {@link InvalidArgumentError}
   */
  watch(options: ObjectWatchOptions = {}): Promise<ObjectStoreWatch> {
    return this.follow(options, {});
  }

  /**
   * @internal The same as {@link watch}, with reports. They may be called before this resolves.
   *
   * @throws {@link BucketNotFoundError}
   * @throws {@link InvalidArgumentError} also if a report is not a function
   */
  async follow(options: ObjectWatchOptions, reports: WatchReports): Promise<ObjectStoreWatch> {
    const { timeout, signal } = checkWatchOptions(options);
    checkObject('reports', reports);
    checkCallbacks(reports, [], ['onInitialized', 'onRestarted']);
    return new ObjectStoreWatch(await startFeed(this.catalog, options, { timeout, signal }), reports);
  }

  /** Configuration and state of the bucket. @throws {@link BucketNotFoundError} */
  async status(options: CallOptions = {}): Promise<ObjectStoreStatus> {
    return toStatus(await this.streamInfo(options));
  }

  /**
   * Makes the bucket permanently read-only: nothing can be put, changed or deleted any more, except the whole bucket.
   *
   * @throws {@link BucketNotFoundError}
   */
  async seal(options: CallOptions = {}): Promise<ObjectStoreStatus> {
    return inSteps(options, async (left) => {
      const { config } = await this.streamInfo(left);
      const stream = await this.jetstream.updateStream({ ...config, sealed: true }, left);
      return toStatus(stream.cachedInfo);
    });
  }

  /**
   * Creates a link to an object, in this bucket or another one. It may replace a link or a deleted object.
   *
   * @param name the name of the link
   * @param target the description of the object to link to
   * @throws {@link LinkToDeletedObjectError}, {@link LinkToLinkError}
   * @throws {@link ObjectExistsError} if the name is taken by an object that is not a link
   * @throws {@link InvalidObjectNameError}
   */
  async addLink(name: string, target: ObjectInfo, options: CallOptions = {}): Promise<ObjectInfo> {
    checkTarget(target);
    if (target.deleted) throw new LinkToDeletedObjectError(this.bucket, name, target.name);
    if (target.link) throw new LinkToLinkError(this.bucket, name, target.name);
    return this.linking(name, { bucket: target.bucket, name: target.name }, options);
  }

  /**
   * Creates a link to a whole bucket. It has no content, but its description names the bucket. It may replace a link or
   * a deleted object.
   *
   * @throws {@link ObjectExistsError}, {@link InvalidObjectNameError}
   */
  async addBucketLink(name: string, target: ObjectStore, options: CallOptions = {}): Promise<ObjectInfo> {
    checkBucket(target);
    return this.linking(name, { bucket: target.bucket }, options);
  }

  private linking(name: string, link: ObjectLink, options: CallOptions): Promise<ObjectInfo> {
    return this.links.around(
      { target: name },
      (operation) => this.changes.putLink(name, link, options, operation),
      revisionOf,
    );
  }

  private putting(put: ObjectPut, run: () => Promise<ObjectInfo>): Promise<ObjectInfo> {
    return this.puts.around(
      { target: put.name },
      (operation) => {
        put.operation = operation;
        return run();
      },
      ({ size, revision }) => ({ size, sequence: revision }),
    );
  }

  private newPut(meta: ObjectMeta | string, options: ObjectPutOptions): ObjectPut {
    this.changes.checkWritable();
    const full = typeof meta === 'string' ? { name: meta } : meta;
    const { catalog, transfers } = this;
    return new ObjectPut({ catalog, transfers, isNamed: (id) => isNamed(catalog, id) }, full, options);
  }

  private async streamInfo(options: CallOptions): Promise<StreamInfo> {
    const stream = await this.catalog.retried(options, (left) =>
      this.jetstream.stream(this.names.stream, left),
    );
    return stream.cachedInfo;
  }
}

/** The part of the result of an operation that instruments receive. */
function revisionOf({ revision }: ObjectInfo): { readonly sequence: number } {
  return { sequence: revision };
}

function checkTarget(target: ObjectInfo): void {
  checkBucket(target);
  validateObjectName(target.name);
}

function checkBucket(target: { readonly bucket: string }): void {
  checkObject('target', target);
  if (typeof target.bucket !== 'string' || !isBucketName(target.bucket)) {
    throw new InvalidArgumentError('target', `its bucket ${shown(target.bucket)} is not a valid bucket name`);
  }
}
