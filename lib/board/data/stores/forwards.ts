import type { JetStreamMessage, Stream } from '../../../jetstream/index.js';
import type { PageRange } from '../inputs.js';

/** Selects the messages of a bucket. */
export interface ForwardsQuery {
  /** Only messages whose subject matches. */
  readonly filter: string;
  /** Without payloads; their size is in a header. */
  readonly headersOnly: boolean;
  /** How many messages are read at a time. */
  readonly batch: number;
  readonly page: PageRange;
}

/** Messages that were read at a time. */
export interface Batch {
  readonly messages: readonly JetStreamMessage[];
  /** The sequence of the last one. */
  readonly end: number;
  /** How many messages follow. */
  readonly left: number;
}

/** A row of a page, and the sequence of its message. */
export interface PlacedRow<Row> {
  readonly row: Row;
  readonly sequence: number;
}

/** Some rows of a list. */
export interface RowsFound<Row> {
  readonly rows: readonly Row[];
  /** The sequence after which the next page begins; `undefined` for the last page. */
  readonly next: number | undefined;
}

/** The maximum number of messages that one request looks at. */
const MOST_LOOKED_AT = 2_000;

/**
 * Reads a page of rows in the order of the messages that they are made of, from the sequence after `page.after` on. If
 * few messages make rows, it ends after some, and the next page continues there.
 *
 * @param rowsOf the rows of messages, in their order. It is only read as far as rows are needed
 */
export async function readForwards<Row>(
  stream: Stream,
  query: ForwardsQuery,
  rowsOf: (batch: Batch) => AsyncIterable<PlacedRow<Row>>,
  signal: AbortSignal,
): Promise<RowsFound<Row>> {
  const { limit } = query.page;
  const rows: Row[] = [];
  let looked = 0;
  for await (const batch of batchesOf(stream, query, signal)) {
    const { messages, end, left } = batch;
    for await (const { row, sequence } of rowsOf(batch)) {
      rows.push(row);
      if (rows.length === limit) return { rows, next: left === 0 && sequence === end ? undefined : sequence };
    }
    looked += messages.length;
    if (left > 0 && looked >= MOST_LOOKED_AT) return { rows, next: end };
  }
  return { rows, next: undefined };
}

/** Reads messages through a consumer that exists only meanwhile. */
async function* batchesOf(
  stream: Stream,
  { filter, headersOnly, batch: size, page: { after = 0 } }: ForwardsQuery,
  signal: AbortSignal,
): AsyncGenerator<Batch, void, undefined> {
  const startSequence = Math.min(after + 1, Number.MAX_SAFE_INTEGER);
  const consumer = await stream.createConsumer(
    {
      ackPolicy: 'none',
      deliverPolicy: 'by_start_sequence',
      startSequence,
      filterSubject: filter,
      headersOnly,
      memoryStorage: true,
      replicas: 1,
    },
    { signal },
  );
  try {
    for (let left = consumer.cachedInfo.numPending; left > 0;) {
      const messages: JetStreamMessage[] = [];
      const batch = consumer.fetchNoWait(size, { signal });
      for await (const message of batch) messages.push(message);
      if (batch.error) throw batch.error;
      const last = messages.at(-1)?.metadata;
      if (last === undefined) return;
      left = last.pending;
      yield { messages, end: last.streamSequence, left };
    }
  } finally {
    // The answer does not matter: the server removes a consumer without a client anyway.
    stream.deleteConsumer(consumer.name).catch(() => undefined);
  }
}
