import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { callbackify } from 'node:util';
import { nuid } from '@nats-io/transport-node';
import { ObjectNotFoundError } from '../errors/index.js';
import { toError } from '../reporting/index.js';
import {
  checkedOptions,
  functionRule,
  objectWith,
  positiveTimeLimit,
  requireValue,
  type AllOptionsOf,
} from '../validation/index.js';
import type { ObjectInfo, ObjectMeta, ObjectStore } from '../object-store/index.js';

/** A file of a multipart request, before it is stored; what multer tells of it. */
export interface IncomingFile {
  /** The name of the form's field. */
  readonly fieldname: string;
  /** The name that the client gives. Not to be trusted. */
  readonly originalname: string;
  /** The media type that the client gives. Not to be trusted. */
  readonly mimetype: string;
  readonly stream: Readable;
}

/** What multer adds to a file that is stored; `@UploadedFile()` gives it together with the rest. */
export interface StoredFile {
  /** The description of the object. */
  readonly object: ObjectInfo;
  /** The name of the object. */
  readonly filename: string;
  /** In bytes. */
  readonly size: number;
}

/** Options of {@link ObjectStoreStorage}. */
export interface ObjectStoreStorageOptions {
  /**
   * Describes the object that a file becomes. Default: a name that is unique, the client's name as description, and its
   * media type as `Content-Type` header. An object of the same name is replaced: take care with names that clients
   * choose.
   */
  readonly describe?:
    | ((request: IncomingMessage, file: IncomingFile) => string | ObjectMeta | Promise<string | ObjectMeta>)
    | undefined;
  /** How long the store may take nothing at all before the upload fails, in milliseconds. Default 30,000. */
  readonly stallTimeout?: number | undefined;
}

const STORE = objectWith(['put', 'deleteVersion'], 'an ObjectStore');

const STORAGE_OPTIONS = {
  describe: functionRule('a function of the request and the file'),
  stallTimeout: positiveTimeLimit,
} satisfies AllOptionsOf<ObjectStoreStorageOptions>;

/**
 * A storage engine for multer, and so for Nest's `FileInterceptor`: what clients upload goes into an object store as it
 * comes, without being held in memory or on disk. An upload that fails, is broken off or exceeds multer's limits leaves
 * no content behind.
 *
 * @example
 * ```ts
 * MulterModule.registerAsync({
 *   imports: [JetStreamModule.forFeature({ objectStores: [{ bucket: 'documents' }] })],
 *   inject: [getObjectStoreToken('documents')],
 *   useFactory: (store: ObjectStore) => ({ storage: new ObjectStoreStorage(store) }),
 * })
 * ```
 */
export class ObjectStoreStorage {
  private readonly options: ObjectStoreStorageOptions;

  /** @throws {@link InvalidArgumentError} for a store or options that cannot be right */
  constructor(
    private readonly store: ObjectStore,
    options: ObjectStoreStorageOptions = {},
  ) {
    requireValue('store', store, STORE);
    this.options = checkedOptions<ObjectStoreStorageOptions>('ObjectStoreStorage', options, STORAGE_OPTIONS);
  }

  /** Called by multer to store a file. */
  _handleFile(
    request: IncomingMessage,
    file: IncomingFile,
    callback: (error: Error | null, stored: StoredFile) => void,
  ): void {
    callbackify(() => this.put(request, file))(callback);
  }

  /** Called by multer to remove a file that it stored, because another one of the request failed. */
  _removeFile(_request: IncomingMessage, file: StoredFile, callback: (error: Error | null) => void): void {
    callbackify(() => this.remove(file))(callback);
  }

  private async put(request: IncomingMessage, file: IncomingFile): Promise<StoredFile> {
    const { describe = describeByDefault, stallTimeout } = this.options;
    try {
      const object = await this.store.put(await describe(request, file), file.stream, { stallTimeout });
      return { object, filename: object.name, size: object.size };
    } catch (error) {
      // A file that is not read would keep the rest of the form, and so the request, from coming.
      file.stream.destroy();
      throw toError(error);
    }
  }

  /** Removes what was stored, but not what another request has put under the same name since. */
  private async remove({ object }: StoredFile): Promise<void> {
    try {
      await this.store.deleteVersion(object);
    } catch (error) {
      if (!(error instanceof ObjectNotFoundError)) throw error;
    }
  }
}

/** A description longer than this is no file name, in characters. */
const LONGEST_NAME = 1_024;

function describeByDefault(_request: IncomingMessage, file: IncomingFile): ObjectMeta {
  return {
    name: nuid.next(),
    description: file.originalname.slice(0, LONGEST_NAME),
    headers: { 'Content-Type': file.mimetype },
  };
}
