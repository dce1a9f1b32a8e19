import { MessageNotFoundError, RequestTimeoutError } from '../errors/index.js';
import type { Bucket } from './bucket.js';

/**
 * The revision of the last change of keys that filters match, as the bucket's leader knows it: of every acknowledged
 * write. 0 where there is none, or nobody answers: a client may not be permitted to ask.
 */
export async function lastRevision<T>(bucket: Bucket<T>, filters: readonly string[]): Promise<number> {
  return Math.max(...(await Promise.all(filters.map((filter) => lastOf(bucket, filter)))));
}

async function lastOf<T>({ jetstream, stream, prefix }: Bucket<T>, filter: string): Promise<number> {
  try {
    const { message } = await jetstream.api.call<{ readonly message: { readonly seq: number } }>(
      `STREAM.MSG.GET.${stream}`,
      { last_by_subj: prefix + filter },
      { stream },
    );
    return message.seq;
  } catch (error) {
    if (error instanceof MessageNotFoundError || error instanceof RequestTimeoutError) return 0;
    throw error;
  }
}
