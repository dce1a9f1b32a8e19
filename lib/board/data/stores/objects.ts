import { InvalidObjectInfoError } from '../../../errors/index.js';
import type { JetStreamMessage, Stream } from '../../../jetstream/index.js';
import { type ObjectInfo, objectInfoOf } from '../../../object-store/index.js';
import type { ObjectRow } from '../../model/index.js';
import type { PageRange } from '../inputs.js';
import { type Batch, type PlacedRow, readForwards, type RowsFound } from './forwards.js';

/** Longer texts of a description are cut, in characters. */
const LONGEST_TEXT = 1_000;
/** Further metadata are left out. */
const MOST_METADATA = 50;

/** Selects objects of a store. */
export interface ObjectsQuery {
  readonly bucket: string;
  /** The filter for the descriptions of all objects. */
  readonly filter: string;
  readonly page: PageRange;
}

/** Reads a page of the objects and links of a store, in the order in which their descriptions were written. */
export function readObjects(
  stream: Stream,
  { bucket, filter, page }: ObjectsQuery,
  signal: AbortSignal,
): Promise<RowsFound<ObjectRow>> {
  const query = { filter, headersOnly: false, batch: page.limit, page };
  return readForwards(stream, query, (batch) => present(bucket, batch), signal);
}

/** The objects that are not deleted. */
async function* present(
  bucket: string,
  { messages }: Batch,
): AsyncGenerator<PlacedRow<ObjectRow>, void, undefined> {
  for (const message of messages) {
    const info = described(bucket, message);
    if (info !== undefined && !info.deleted) yield { row: objectRow(info), sequence: info.revision };
  }
}

/** `undefined` for an invalid description, which any client may have written. */
function described(bucket: string, message: JetStreamMessage): ObjectInfo | undefined {
  try {
    return objectInfoOf(message, bucket, message.metadata.streamSequence);
  } catch (error) {
    if (error instanceof InvalidObjectInfoError) return undefined;
    throw error;
  }
}

function objectRow({
  name,
  size,
  chunks,
  modTime,
  digest,
  description,
  metadata,
  link,
}: ObjectInfo): ObjectRow {
  const pairs = Object.entries(metadata).slice(0, MOST_METADATA);
  return {
    name,
    size,
    chunks,
    time: modTime.toISOString(),
    ...(digest !== '' && { digest: short(digest) }),
    ...(description !== '' && { description: short(description) }),
    ...(pairs.length > 0 && {
      metadata: Object.fromEntries(pairs.map(([key, value]) => [short(key), short(value)])),
    }),
    ...(link !== undefined && {
      link: link.name === undefined ? link.bucket : `${link.bucket}/${link.name}`,
    }),
  };
}

function short(text: string): string {
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
}
