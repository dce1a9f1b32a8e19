import { InvalidArgumentError, InvalidObjectInfoError } from '../errors/index.js';
import type { JetStreamMessage, PublishHeaders } from '../jetstream/index.js';
import { shown } from '../reporting/index.js';
import { checkObject, optionsCheck, type OrUndefined } from '../validation/index.js';
import { isBucketName, nameOfInfo } from './object-names.js';

/** The description of an object, given when it is put. */
export interface ObjectMeta {
  /**
   * The name, unique in the bucket. Any Unicode text of up to 2,048 bytes in UTF-8; slashes, spaces and dots have no
   * special meaning.
   */
  readonly name: string;
  readonly description?: string | undefined;
  /** Headers of the application, such as `Content-Type`: the client's own class, or a plain object. */
  readonly headers?: PublishHeaders | undefined;
  /** Key-value pairs of the application. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /**
   * The number of bytes in one message of the stream. Default 131,072 (128 KiB); less if the server's `max_payload` is
   * smaller.
   */
  readonly chunkSize?: number | undefined;
}

/** The description of an existing object, which has more fields, is also accepted. */
type KnownMeta = OrUndefined<Partial<ObjectMeta>> & OrUndefined<Partial<ObjectInfo>>;

/** @throws {@link InvalidArgumentError} */
export const checkMeta: (meta: object) => object = optionsCheck<KnownMeta>(
  'the description of an object',
  {
    bucket: true,
    chunkSize: true,
    chunks: true,
    deleted: true,
    description: true,
    digest: true,
    // The names in these two are chosen by the application.
    headers: true,
    metadata: true,
    link: true,
    modTime: true,
    name: true,
    nuid: true,
    revision: true,
    size: true,
  },
  'meta',
);

/** The target of a link. */
export interface ObjectLink {
  readonly bucket: string;
  /** The target object; `undefined` if the link points to a whole bucket. */
  readonly name?: string | undefined;
}

/** The description of an object in a bucket. */
export interface ObjectInfo {
  readonly name: string;
  /** Empty if there is none. */
  readonly description: string;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly metadata: Readonly<Record<string, string>>;
  /** The number of bytes in each message except the last one; `undefined` if the writer did not record it. */
  readonly chunkSize: number | undefined;
  /** The target of the link; `undefined` if the object is not a link. */
  readonly link: ObjectLink | undefined;
  /** The bucket that the object is in. */
  readonly bucket: string;
  /** The id of this version of the object, which is the last token of its chunks' subject. */
  readonly nuid: string;
  /** In bytes. 0 for links and deleted objects. */
  readonly size: number;
  /** The number of messages with the content. */
  readonly chunks: number;
  /** `SHA-256=` and base64url; empty for links and deleted objects. */
  readonly digest: string;
  /** Whether this is only the marker of a deleted object. */
  readonly deleted: boolean;
  /** When the description was stored, by the server's clock; after `put` and `addLink`, by this machine's clock. */
  readonly modTime: Date;
  /** The description's sequence in the stream: changes with each put, update and delete. */
  readonly revision: number;
}

/** An object's description as it is stored (ADR-20). Fields of newer clients are kept when it is written again. */
export interface WireObjectInfo {
  readonly name: string;
  readonly description?: string;
  readonly headers?: Readonly<Record<string, readonly string[] | null>>;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly options?: { readonly link?: ObjectLink; readonly max_chunk_size?: number };
  readonly bucket: string;
  readonly nuid?: string;
  readonly size?: number;
  readonly chunks?: number;
  readonly digest?: string | undefined;
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
    headers: toHeaders(wire.headers),
    metadata: wire.metadata ?? {},
    chunkSize: wire.options?.max_chunk_size || undefined,
    link: link && { bucket: link.bucket, ...(link.name && { name: link.name }) },
    // nats.js stores the bucket of the target with a link.
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

/** Go writes a header without values as `null`. */
function toHeaders(headers: WireObjectInfo['headers'] = {}): ObjectInfo['headers'] {
  return Object.fromEntries(Object.entries(headers).map(([key, values]) => [key, values ?? []]));
}

/**
 * Parses a stored description. It is not trustworthy, because any client with permission to publish to the bucket may
 * have written it. Therefore everything that is used later is checked here: an id becomes part of subjects, sizes
 * become buffers, a link points to another bucket.
 *
 * @throws {@link InvalidObjectInfoError}
 */
export function parseObjectInfo(json: string, bucket: string, subject: string): WireObjectInfo {
  const name = nameOfInfo(subject);
  let wire: unknown;
  try {
    wire = JSON.parse(json);
  } catch (cause) {
    throw new InvalidObjectInfoError(bucket, name, 'it is not JSON', { cause });
  }
  const problem = isRecord(wire) ? problemOf(wire, name) : 'it is not a JSON object';
  if (problem !== undefined) throw new InvalidObjectInfoError(bucket, name, problem);
  return withoutNulls(wire as Record<string, unknown>) as unknown as WireObjectInfo;
}

/**
 * The description in a message of a bucket.
 *
 * @param revision its sequence
 * @throws {@link InvalidObjectInfoError}
 */
export function objectInfoOf(message: JetStreamMessage, bucket: string, revision: number): ObjectInfo {
  const wire = parseObjectInfo(message.text(), bucket, message.subject);
  return toObjectInfo(wire, bucket, revision, message.metadata.timestamp);
}

function problemOf(wire: Readonly<Record<string, unknown>>, name: string): string | undefined {
  if (typeof wire.name !== 'string' || wire.name === '') return 'it has no name';
  if (wire.name !== name) return `it describes another object, "${wire.name}"`;
  return (
    FIELDS.find(({ field, valid }) => !valid(wire[field] ?? undefined))?.problem ?? problemOfContent(wire)
  );
}

function problemOfContent({
  nuid,
  size,
  chunks,
  options,
  deleted,
}: Readonly<Record<string, unknown>>): string | undefined {
  // The Go client omits the id of links.
  if (deleted === true || (isRecord(options) && isRecord(options.link))) return undefined;
  const [bytes, messages] = [Number(size ?? 0), Number(chunks ?? 0)];
  if (bytes === 0) return undefined;
  if ((nuid ?? '') === '') return 'it has content, but no id';
  if (messages <= bytes && bytes <= messages * LARGEST_MESSAGE) return undefined;
  return `${bytes} bytes cannot be in ${messages} chunks`;
}

/** The fields of a stored description, each of which may be missing or null. */
const FIELDS: readonly {
  readonly field: keyof WireObjectInfo;
  readonly valid: (value: unknown) => boolean;
  readonly problem: string;
}[] = [
  { field: 'description', valid: isString, problem: 'its description is not a string' },
  { field: 'bucket', valid: isString, problem: 'its bucket is not a string' },
  { field: 'digest', valid: isString, problem: 'its digest is not a string' },
  {
    field: 'deleted',
    valid: (value) => value === undefined || typeof value === 'boolean',
    problem: 'its deletion marker is not a boolean',
  },
  {
    field: 'nuid',
    valid: (value) => value === undefined || value === '' || isToken(value),
    problem: 'its id is not a single token of a subject',
  },
  { field: 'size', valid: isCount, problem: 'its size is not a whole number of at least 0' },
  { field: 'chunks', valid: isCount, problem: 'its number of chunks is not a whole number of at least 0' },
  {
    field: 'headers',
    valid: (value) => isRecordOf(value, isStrings),
    problem: 'its headers are not lists of strings',
  },
  {
    field: 'metadata',
    valid: (value) => isRecordOf(value, (item) => typeof item === 'string'),
    problem: 'its metadata are not strings',
  },
  { field: 'options', valid: areOptions, problem: 'its options or its link are invalid' },
];

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isString(value: unknown): boolean {
  return value === undefined || typeof value === 'string';
}

function isStrings(value: unknown): boolean {
  return value === null || (Array.isArray(value) && value.every((item) => typeof item === 'string'));
}

function isCount(value: unknown): boolean {
  return value === undefined || (Number.isSafeInteger(value) && Number(value) >= 0);
}

function isRecordOf(value: unknown, valid: (item: unknown) => boolean): boolean {
  return value === undefined || (isRecord(value) && Object.values(value).every(valid));
}

function areOptions(value: unknown): boolean {
  if (value === undefined) return true;
  if (!isRecord(value) || !isCount(value.max_chunk_size ?? undefined)) return false;
  const link = value.link ?? undefined;
  if (link === undefined) return true;
  return (
    isRecord(link) &&
    typeof link.bucket === 'string' &&
    isBucketName(link.bucket) &&
    isString(link.name ?? undefined)
  );
}

/** One token of a subject, without wildcards, and short enough for a subject. */
function isToken(value: unknown): boolean {
  return typeof value === 'string' && value.length <= LONGEST_ID && /^[!-)+\-/-=?-~]+$/.test(value);
}

function withoutNulls(wire: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(wire).filter(([, value]) => value !== null));
}

const LONGEST_ID = 256;
/** The maximum possible `max_payload`, in bytes. */
const LARGEST_MESSAGE = 67_108_864;

/**
 * The part of a stored description that `put` and `updateMeta` set. Values that are `undefined` are omitted.
 *
 * @throws {@link InvalidArgumentError}
 */
export function toWireMeta(
  meta: Partial<OrUndefined<ObjectMeta>>,
): Pick<WireObjectInfo, 'description' | 'headers' | 'metadata'> {
  const { description, headers, metadata } = meta;
  if (description !== undefined && typeof description !== 'string') {
    throw new InvalidArgumentError('description', `${shown(description)} is not a string`);
  }
  return {
    ...(description !== undefined && { description }),
    ...(headers !== undefined && { headers: toRecord(headers) }),
    ...(metadata !== undefined && { metadata: toPairs(metadata) }),
  };
}

function toRecord(headers: PublishHeaders): Record<string, readonly string[]> {
  checkObject('headers', headers);
  if (isMsgHdrs(headers)) {
    return Object.fromEntries(headers.keys().map((key) => [key, headers.values(key)]));
  }
  return Object.fromEntries(
    Object.entries<unknown>(headers as Readonly<Record<string, unknown>>).map(([key, value]) => {
      const values: unknown = typeof value === 'string' ? [value] : value;
      if (!Array.isArray(values) || !isStrings(values)) {
        throw new InvalidArgumentError(
          `headers.${key}`,
          `${shown(value)} is neither a string nor a list of strings`,
        );
      }
      return [key, [...(values as string[])]];
    }),
  );
}

function isMsgHdrs(headers: PublishHeaders): headers is Extract<PublishHeaders, { keys(): string[] }> {
  return typeof headers.keys === 'function';
}

function toPairs(metadata: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  checkObject('metadata', metadata);
  for (const [key, value] of Object.entries<unknown>(metadata)) {
    if (typeof value !== 'string') {
      throw new InvalidArgumentError(`metadata.${key}`, `${shown(value)} is not a string`);
    }
  }
  return { ...metadata };
}
