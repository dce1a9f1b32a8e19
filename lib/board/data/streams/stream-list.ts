import { type JetStreamService, type StreamInfo, streamPage } from '../../../jetstream/index.js';
import type { PageRange } from '../inputs.js';

/** The maximum number of streams that one request looks at. */
const MOST_LOOKED_AT = 2_000;

/** Selects streams. */
export interface StreamSelection {
  /** Only streams that listen on this subject, or on a subject that it matches: the server selects them. */
  readonly subject?: string;
  /** Whether a stream is listed. Default: all are. */
  readonly accepts?: (name: string) => boolean;
}

/** Some streams of a list. */
export interface StreamsFound {
  readonly streams: readonly StreamInfo[];
  /** The offset at which the next page begins; `undefined` for the last page. */
  readonly next: number | undefined;
  /** How many streams the server has selected. */
  readonly total: number;
}

/**
 * Reads a page of streams in the order of their names. If few are accepted, it ends after some requests, and the next
 * page continues there.
 */
export async function listStreams(
  { api }: JetStreamService,
  { subject, accepts = () => true }: StreamSelection,
  { after = 0, limit }: PageRange,
  signal: AbortSignal,
): Promise<StreamsFound> {
  const streams: StreamInfo[] = [];
  for (let offset = after, looked = 0; ;) {
    const { items, next, total } = await streamPage(api, { offset, subject }, { signal });
    for (const [index, info] of items.entries()) {
      if (streams.length === limit) return { streams, next: offset + index, total };
      if (accepts(info.config.name)) streams.push(info);
    }
    looked += items.length;
    if (next === undefined || streams.length === limit || looked >= MOST_LOOKED_AT)
      return { streams, next, total };
    offset = next;
  }
}
