import type { Msg } from '@nats-io/transport-node';
import {
  DirectAccessDisabledError,
  InvalidArgumentError,
  JetStreamApiError,
  NoRespondersError,
  RequestTimeoutError,
  StreamNotFoundError,
} from '../../errors/index.js';
import { Deadline, retry, toTime, untilAborted } from '../../timing/index.js';
import { throwIfAborted } from '../../user-code/index.js';
import { checkWholeNumber, notTogether, optionsCheck, textsOf } from '../../validation/index.js';
import {
  CALL_OPTIONS,
  type CallOptions,
  inSteps,
  type JetStreamApi,
  requireOperation,
  validateFilter,
} from '../api/index.js';
import { fromDirectGet, statusError, validateSequence } from './message-access.js';
import type { StoredMessage } from './stored-message.js';
import { streamInfo } from './stream-api.js';

/** Selects the messages to read, in the order of the stream. */
export type GetMessagesOptions = (
  | {
      /** The sequence of the first message, or of the next one that exists. */
      readonly startSequence: number;
      readonly startTime?: undefined;
    }
  | {
      /** Only messages that were stored at this time or later. */
      readonly startTime: Date;
      readonly startSequence?: undefined;
    }
) &
  CallOptions & {
    /** The maximum number of messages. Default: all to the end of the stream. */
    readonly batch?: number | undefined;
    /** Only messages whose subject matches. */
    readonly subject?: string | undefined;
  };

/** Selects the state of the stream in which to read the last messages of subjects. */
export type GetLastMessagesOptions = (
  | {
      /** The last messages up to this sequence. */
      readonly upToSequence?: number | undefined;
      readonly upToTime?: undefined;
    }
  | {
      /** The last messages up to this time. */
      readonly upToTime?: Date | undefined;
      readonly upToSequence?: undefined;
    }
) &
  CallOptions & {
    /** The maximum number of messages. Default: one for each subject, 1,024 in all. */
    readonly batch?: number | undefined;
  };

const checkGetMessagesOptions = optionsCheck<GetMessagesOptions>('getMessages', {
  ...CALL_OPTIONS,
  batch: true,
  startSequence: true,
  startTime: true,
  subject: true,
});
const checkGetLastMessagesOptions = optionsCheck<GetLastMessagesOptions>('getLastMessages', {
  ...CALL_OPTIONS,
  batch: true,
  upToSequence: true,
  upToTime: true,
});

/** The number of messages requested at a time, which limits the memory that a slow reader needs. */
const PAGE = 1_000;

/** Reads messages in pages: the next page is requested when the reader has taken the last one (ADR-31). */
export async function* getMessages(
  api: JetStreamApi,
  stream: string,
  options: GetMessagesOptions,
): AsyncGenerator<StoredMessage, void, undefined> {
  requireOperation(api.connection, 'batch direct get');
  const { batch = Infinity, subject, timeout, signal } = checkGetMessagesOptions(options);
  validateBatch(options.batch);
  if (subject !== undefined) validateFilter(subject);
  let start = startOf(options);
  for (let left = batch; left > 0;) {
    const body = { ...start, batch: Math.min(left, PAGE), next_by_subj: subject };
    const { messages, pending } = await readPage(api, stream, body, { timeout, signal });
    yield* messages;
    const last = await messages.at(-1);
    if (!last || pending === 0) return;
    left -= messages.length;
    start = { seq: last.sequence + 1 };
  }
}

/** Reads the last message of each subject that matches. */
export async function* getLastMessages(
  api: JetStreamApi,
  stream: string,
  subjects: string | readonly string[],
  options: GetLastMessagesOptions,
): AsyncGenerator<StoredMessage, void, undefined> {
  requireOperation(api.connection, 'batch direct get');
  const { batch, upToSequence, upToTime, timeout, signal } = checkGetLastMessagesOptions(options);
  const filters = textsOf('subjects', subjects);
  if (filters.length === 0) throw new InvalidArgumentError('subjects', 'at least one is required');
  for (const filter of filters) validateFilter(filter);
  validateBatch(batch);
  if (upToSequence !== undefined) validateSequence(upToSequence, 'upToSequence');
  const upTo = upToTime === undefined ? undefined : toTime(upToTime, 'upToTime');
  if (upToSequence !== undefined && upToTime !== undefined) {
    throw notTogether('upToTime', 'upToSequence');
  }
  let from: object = {
    up_to_seq: upToSequence,
    up_to_time: upTo,
  };
  for (let left = batch ?? Infinity; left > 0;) {
    const body = { ...from, multi_last: filters, batch: batch === undefined ? undefined : left };
    const page = await readPage(api, stream, body, { timeout, signal });
    yield* page.messages;
    const last = await page.messages.at(-1);
    if (!last || page.pending === 0) return;
    left -= page.messages.length;
    from = { seq: last.sequence + 1, up_to_seq: page.upToSequence };
  }
}

interface Page {
  readonly messages: readonly (StoredMessage | Promise<StoredMessage>)[];
  /** The number of messages that follow these. */
  readonly pending: number;
  /** The sequence up to which last messages were searched. */
  readonly upToSequence?: number | undefined;
}

/** The backoff between attempts to read a stream that is not ready, in milliseconds. */
const BACKOFF = { first: 25, longest: 500 };

/**
 * Reads a page. The replicas of a stream that was just created do not answer immediately, which is indistinguishable
 * from a stream without direct access. If the stream allows direct access, the page is requested again, within the
 * timeout of one request.
 *
 * @throws {@link DirectAccessDisabledError}; {@link NoRespondersError} if the stream does allow it, but no replica
 * answers
 */
function readPage(api: JetStreamApi, stream: string, body: object, options: CallOptions): Promise<Page> {
  return inSteps(options, async (left) => {
    const deadline = new Deadline(left.timeout ?? api.connection.timeout);
    try {
      return await requestPage(api, stream, body, left);
    } catch (error) {
      if (!(error instanceof NoRespondersError)) throw error;
      if (await refusesDirect(api, stream, left))
        throw new DirectAccessDisabledError(stream, { cause: error });
    }
    return retry(() => requestPage(api, stream, body, left), {
      ...BACKOFF,
      retryable: (error) => error instanceof NoRespondersError,
      deadline,
    });
  });
}

/** Whether the stream does not allow direct access, or does not exist; `false` if this is unknown. */
async function refusesDirect(api: JetStreamApi, stream: string, options: CallOptions): Promise<boolean> {
  try {
    const { allowDirect, mirrorDirect } = (await streamInfo(api, stream, options)).config;
    return !allowDirect && !mirrorDirect;
  } catch (error) {
    if (error instanceof StreamNotFoundError) return true;
    if (error instanceof JetStreamApiError || error instanceof RequestTimeoutError) return false;
    throw error;
  }
}

/** One request with many replies: messages, and a status that ends them. */
function requestPage(
  api: JetStreamApi,
  stream: string,
  body: object,
  { timeout, signal }: CallOptions,
): Promise<Page> {
  const subject = `${api.connection.apiPrefix}.DIRECT.GET.${stream}`;
  const messages: (StoredMessage | Promise<StoredMessage>)[] = [];
  let request: number | undefined;
  const page = new Promise<Page>((resolve, reject) => {
    throwIfAborted(signal);
    request = api.requests.open(subject, JSON.stringify(body), { timeout }, (error, reply) => {
      if (error) {
        reject(error);
        return false;
      }
      const message = fromDirectGet(api, stream, reply, { timeout, signal });
      if (message) return messages.push(message) > 0;
      const end = endOfPage(reply);
      if (end) resolve({ messages, ...end });
      else reject(statusError(reply, stream, 'several messages'));
      return false;
    });
  });
  return untilAborted(signal, page).finally(() => {
    if (request !== undefined) api.requests.giveUp(request);
  });
}

/** Reads the status after the last message; `undefined` if it is an error. */
function endOfPage({ headers }: Msg): Omit<Page, 'messages'> | undefined {
  if (headers?.code === 404) return { pending: 0 };
  if (headers?.code !== 204) return undefined;
  const number = (header: string): number => Number(headers.get(header)) || 0;
  return { pending: number('Nats-Num-Pending'), upToSequence: number('Nats-UpTo-Sequence') || undefined };
}

function startOf({ startSequence, startTime }: GetMessagesOptions): object {
  if (startTime === undefined) {
    validateSequence(startSequence, 'startSequence');
    return { seq: startSequence };
  }
  if (startSequence !== undefined) {
    throw notTogether('startTime', 'startSequence');
  }
  return { start_time: toTime(startTime, 'startTime') };
}

function validateBatch(batch: number | undefined): void {
  if (batch !== undefined) checkWholeNumber('batch', batch, 1);
}
