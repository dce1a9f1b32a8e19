import { PermissionDeniedError } from '../errors/index.js';
import { type JetStreamService, subjectCovers } from '../jetstream/index.js';

/** The maximum number of streams that errors name. */
const MOST_NAMES = 10;
/** The streams of buckets store no messages of contracts. */
const BUCKET = /^(KV|OBJ)_/;

/** Stands for the name of a stream that cannot be looked up, with `connect: false`. */
export const NOT_CONNECTED = 'not-connected';

/** Whether a stream stores the messages of a filter. */
export type Coverage =
  /** One stream stores all of them. */
  | { readonly kind: 'covered'; readonly stream: string }
  /** These streams store only some of them. */
  | { readonly kind: 'partly'; readonly streams: readonly string[] }
  /** No stream does; these are the streams of the account, with their subjects. */
  | { readonly kind: 'none'; readonly streams: readonly string[] }
  /** The user of the connection has no permission to list streams. */
  | { readonly kind: 'unknown'; readonly error: PermissionDeniedError };

/** Finds the stream that stores the messages of a filter: a declared one, otherwise any stream of the account. */
export async function coverageOf(jetstream: JetStreamService, filter: string): Promise<Coverage> {
  const declared = jetstream.declarations.streamOf(filter);
  if (declared !== undefined) return { kind: 'covered', stream: declared };
  // Without a connection, handlers do not start and nothing is published.
  if (!jetstream.connection.isOpen) return { kind: 'covered', stream: NOT_CONNECTED };
  try {
    return await lookUp(jetstream, filter);
  } catch (error) {
    if (error instanceof PermissionDeniedError) return { kind: 'unknown', error };
    throw error;
  }
}

async function lookUp(jetstream: JetStreamService, filter: string): Promise<Coverage> {
  const some: string[] = [];
  for await (const { config } of jetstream.listStreams({ subject: filter })) {
    if (config.subjects?.some((subject) => subjectCovers(subject, filter)))
      return { kind: 'covered', stream: config.name };
    some.push(config.name);
  }
  if (some.length > 0) return { kind: 'partly', streams: some };
  const streams: string[] = [];
  for await (const { config } of jetstream.listStreams()) {
    if (BUCKET.test(config.name)) continue;
    streams.push(`"${config.name}" (${config.subjects?.join(', ') ?? 'a mirror'})`);
    if (streams.length === MOST_NAMES) break;
  }
  return { kind: 'none', streams };
}
