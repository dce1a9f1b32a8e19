import { MessageNotFoundError, PermissionDeniedError, RequestTimeoutError } from '../errors/index.js';
import { readFromLeader } from '../jetstream/index.js';
import type { Bucket } from './bucket.js';

/**
 * The revision of the last change of matching keys according to the bucket's leader, which has every acknowledged
 * write. 0 if there is none, or no response, because a client may not have the permission.
 */
export async function lastRevision<T>(
  bucket: Bucket<T>,
  filters: readonly string[],
  timeout = bucket.jetstream.connection.timeout,
): Promise<number> {
  return Math.max(...(await Promise.all(filters.map((filter) => lastOf(bucket, filter, timeout)))));
}

async function lastOf<T>(
  { jetstream, stream, prefix }: Bucket<T>,
  filter: string,
  timeout: number,
): Promise<number> {
  try {
    const { seq } = await readFromLeader(
      jetstream.api,
      stream,
      { last_by_subj: prefix + filter },
      { timeout: Math.min(timeout, jetstream.connection.timeout) },
    );
    return seq;
  } catch (error) {
    if (
      error instanceof MessageNotFoundError ||
      error instanceof RequestTimeoutError ||
      error instanceof PermissionDeniedError
    ) {
      return 0;
    }
    throw error;
  }
}
