import { JetStreamNotEnabledError, MessageNotFoundError, PermissionDeniedError } from '../../errors/index.js';
import type { CallOptions, JetStreamApi } from '../api/index.js';
import { readFromLeader } from '../streams/index.js';

/**
 * The sequence of the last message that matches one of the filters, according to the stream's leader, which has every
 * acknowledged message. 0 if there is none; `undefined` if the client may not ask.
 *
 * @throws the errors of {@link readFromLeader}. No response does not mean that there are no messages.
 */
export async function lastSequence(
  api: JetStreamApi,
  stream: string,
  filters: readonly string[],
  { timeout = Infinity, signal }: CallOptions = {},
): Promise<number | undefined> {
  const wait = { timeout: Math.min(timeout, api.connection.timeout), signal };
  try {
    return Math.max(...(await Promise.all(filters.map((filter) => lastOf(api, stream, filter, wait)))));
  } catch (error) {
    if (error instanceof PermissionDeniedError || error instanceof JetStreamNotEnabledError) return undefined;
    throw error;
  }
}

async function lastOf(api: JetStreamApi, stream: string, filter: string, wait: CallOptions): Promise<number> {
  try {
    return (await readFromLeader(api, stream, { last_by_subj: filter }, wait)).seq;
  } catch (error) {
    if (error instanceof MessageNotFoundError) return 0;
    throw error;
  }
}
