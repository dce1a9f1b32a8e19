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

/** The properties that multer sets for each file of a multipart request. */
interface FormFile {
  /** The name of the form's field. */
  readonly fieldname: string;
  /** The file name from the client. Not trustworthy. */
  readonly originalname: string;
  /** The media type from the client. Not trustworthy. */
  readonly mimetype: string;
}

/** A file of a multipart request, before it is stored, as multer describes it. */
export interface IncomingFile extends FormFile {
  readonly stream: Readable;
}

/** The properties that the storage adds to those of multer. */
interface StoredContent {
  /** The description of the object. */
  readonly object: ObjectInfo;
  /** The name of the object. */
  readonly filename: string;
  /** The size, in bytes. */
  readonly size: number;
}

/**
 * A stored file, as `@UploadedFile()` gives it; `undefined` if the form has no file in this field.
 */
export interface StoredFile extends FormFile, StoredContent {}

/** Options of {@link ObjectStoreStorage}. */
export interface ObjectStoreStorageOptions {
  /**
   * Returns the description of the object for a file. Default: a unique name, the client's name as description, and its
   * media type as `Content-Type` header. An existing object with the same name is replaced, so do not use names chosen
   * by clients unchecked.
   */
  readonly describe?:
    | ((request: IncomingMessage, file: IncomingFile) => string | ObjectMeta | Promise<string | ObjectMeta>)
    | undefined;
  /** How long the store may accept no data before the upload fails, in milliseconds. Default 30,000. */
  readonly stallTimeout?: number | undefined;
}

const STORE = objectWith(['put', 'deleteVersion'], 'an ObjectStore');

const STORAGE_OPTIONS = {
  describe: functionRule('a function of the request and the file'),
  stallTimeout: positiveTimeLimit,
} satisfies AllOptionsOf<ObjectStoreStorageOptions>;

/**
 * A storage engine for multer, and therefore for Nest's `FileInterceptor`: uploads are streamed into an object store,
 * without being kept in memory or on disk. An upload that fails, is aborted or exceeds multer's limits leaves no
 * content behind.
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

  /** @throws {@link InvalidArgumentError} if the store or options are invalid */
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
    callback: (error: Error | null, stored: StoredContent) => void,
  ): void {
    callbackify(() => this.put(request, file))(callback);
  }

  /** Called by multer to remove a stored file, because another file of the request failed. */
  _removeFile(_request: IncomingMessage, file: StoredContent, callback: (error: Error | null) => void): void {
    callbackify(() => this.remove(file))(callback);
  }

  private async put(request: IncomingMessage, file: IncomingFile): Promise<StoredContent> {
    const { describe = describeByDefault, stallTimeout } = this.options;
    try {
      const object = await this.store.put(await describe(request, file), file.stream, { stallTimeout });
      return { object, filename: object.name, size: object.size };
    } catch (error) {
      // An unread file would block the rest of the form, and therefore the request.
      file.stream.destroy();
      throw toError(error);
    }
  }

  /** Removes the stored object, unless another request has replaced it under the same name since. */
  private async remove({ object }: StoredContent): Promise<void> {
    try {
      await this.store.deleteVersion(object);
    } catch (error) {
      if (!(error instanceof ObjectNotFoundError)) throw error;
    }
  }
}

/** A description longer than this is not used as a file name, in characters. */
const LONGEST_NAME = 1_024;

function describeByDefault(_request: IncomingMessage, file: IncomingFile): ObjectMeta {
  return {
    name: nuid.next(),
    description: file.originalname.slice(0, LONGEST_NAME),
    headers: { 'Content-Type': file.mimetype },
  };
}
