import { MessageNotFoundError, PermissionDeniedError, RequestTimeoutError } from '../../errors/index.js';
import type { CallOptions, JetStreamApi } from '../api/index.js';
import { readFromLeader } from '../streams/index.js';

/**
 * The sequence of the last message that matches one of the filters, according to the stream's leader, which has every
 * acknowledged message. 0 if there is none, or no response, because a client may not have the permission.
 */
export async function lastSequence(
  api: JetStreamApi,
  stream: string,
  filters: readonly string[],
  options: CallOptions = {},
): Promise<number> {
  return Math.max(...(await Promise.all(filters.map((filter) => lastOf(api, stream, filter, options)))));
}

async function lastOf(
  api: JetStreamApi,
  stream: string,
  filter: string,
  { timeout = Infinity, signal }: CallOptions,
): Promise<number> {
  const wait = { timeout: Math.min(timeout, api.connection.timeout), signal };
  try {
    return (await readFromLeader(api, stream, { last_by_subj: filter }, wait)).seq;
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
