import { InvalidArgumentError, InvalidObjectInfoError } from '../errors/index.js';
import type { PublishHeaders } from '../jetstream/index.js';

/** What describes an object; given when it is put. */
export interface ObjectMeta {
  /**
   * The name, unique in the bucket. Any Unicode text of up to 2,048 bytes in UTF-8; slashes, spaces and dots have no
   * special meaning.
   */
  readonly name: string;
  readonly description?: string;
  /** Headers of the application, such as `Content-Type`: the client's own class, or a plain object. */
  readonly headers?: PublishHeaders;
  /** Pairs of the application. */
  readonly metadata?: Readonly<Record<string, string>>;
  /**
   * How many bytes go into one message of the stream. Default 131,072 (128 KiB). Less where the server's `max_payload`
   * does not take that much.
   */
  readonly chunkSize?: number;
}

/** Where a link leads. */
export interface ObjectLink {
  readonly bucket: string;
  /** The object there; `undefined` where the link leads to the whole bucket. */
  readonly name?: string;
}

/** An object as the bucket describes it. */
export interface ObjectInfo {
  readonly name: string;
  /** Empty where there is none. */
  readonly description: string;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly metadata: Readonly<Record<string, string>>;
  /** How many bytes went into one message, the last one apart; `undefined` where the writer did not say. */
  readonly chunkSize: number | undefined;
  /** Where the link leads; `undefined` where the object is not a link. */
  readonly link: ObjectLink | undefined;
  /** The bucket that the object is in. */
  readonly bucket: string;
  /** The id of this version of the object, the last token of its chunks' subject. */
  readonly nuid: string;
  /** In bytes. 0 for links and deleted objects. */
  readonly size: number;
  /** How many messages hold the content. */
  readonly chunks: number;
  /** `SHA-256=` and base64url; empty for links and deleted objects. */
  readonly digest: string;
  /** Whether this is only the mark that a deleted object left. */
  readonly deleted: boolean;
  /** When the description was stored, by the server's clock; after `put` and `addLink`, by this machine's. */
  readonly modTime: Date;
  /** The description's sequence in the stream: changes with each put, update and delete. */
  readonly revision: number;
}

/** An object's description as it is stored (ADR-20). Fields of newer clients are kept when it is written again. */
export interface WireObjectInfo {
  readonly name: string;
  readonly description?: string;
  readonly headers?: Readonly<Record<string, readonly string[]>>;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly options?: { readonly link?: ObjectLink; readonly max_chunk_size?: number };
  readonly bucket: string;
  readonly nuid?: string;
  readonly size?: number;
  readonly chunks?: number;
  readonly digest?: string;
  readonly deleted?: boolean;
}

/** Reads a stored description. */
export function toObjectInfo(
  wire: WireObjectInfo,
  bucket: string,
  revision: number,
  modTime: Date,
): ObjectInfo {
  const link = wire.options?.link ?? undefined;
  return {
    name: wire.name,
    description: wire.description ?? '',
    headers: wire.headers ?? {},
    metadata: wire.metadata ?? {},
    chunkSize: wire.options?.max_chunk_size || undefined,
    link: link && { bucket: link.bucket, ...(link.name && { name: link.name }) },
    // What nats.js stores with a link is the bucket of its target.
    bucket,
    nuid: wire.nuid ?? '',
    size: wire.size ?? 0,
    chunks: wire.chunks ?? 0,
    digest: wire.digest ?? '',
    deleted: wire.deleted ?? false,
    modTime,
    revision,
  };
}

/**
 * Parses a stored description.
 *
 * @throws {@link InvalidObjectInfoError}
 */
export function parseObjectInfo(json: string, bucket: string, subject: string): WireObjectInfo {
  let wire: unknown;
  try {
    wire = JSON.parse(json);
  } catch (cause) {
    throw new InvalidObjectInfoError(bucket, subject, 'it is not JSON', { cause });
  }
  if (typeof wire !== 'object' || wire === null || typeof (wire as WireObjectInfo).name !== 'string') {
    throw new InvalidObjectInfoError(bucket, subject, 'it has no name');
  }
  return wire as WireObjectInfo;
}

/** The part of a stored description that `put` and `updateMeta` set. What is `undefined` is left out. */
export function toWireMeta(
  meta: Partial<ObjectMeta>,
): Pick<WireObjectInfo, 'description' | 'headers' | 'metadata'> {
  return {
    ...(meta.description !== undefined && { description: meta.description }),
    ...(meta.headers !== undefined && { headers: toRecord(meta.headers) }),
    ...(meta.metadata !== undefined && { metadata: toPairs(meta.metadata) }),
  };
}

function toRecord(headers: PublishHeaders): Record<string, readonly string[]> {
  if (isMsgHdrs(headers)) {
    return Object.fromEntries(headers.keys().map((key) => [key, headers.values(key)]));
  }
  return Object.fromEntries(
    Object.entries(headers).map(([key, value]) => [key, typeof value === 'string' ? [value] : value]),
  );
}

function isMsgHdrs(headers: PublishHeaders): headers is Extract<PublishHeaders, { keys(): string[] }> {
  return typeof headers.keys === 'function';
}

function toPairs(metadata: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value !== 'string') {
      throw new InvalidArgumentError(`metadata.${key}`, `${String(value)} is not a string`);
    }
  }
  return metadata;
}
