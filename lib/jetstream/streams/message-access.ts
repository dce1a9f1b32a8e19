import type { Msg } from '@nats-io/transport-node';
import {
  InvalidApiResponseError,
  JetStreamApiError,
  MessageNotFoundError,
  NoRespondersError,
} from '../../errors/index.js';
import { checkWholeNumber } from '../../validation/index.js';
import {
  type ApiCallOptions,
  type CallOptions,
  inSteps,
  type JetStreamApi,
  validateFilter,
} from '../api/index.js';
import { readDirectReply } from './direct-reply.js';
import { fromApi, fromDirectReply, type StoredMessage, type WireStoredMessage } from './stored-message.js';

/** Selects a message: by sequence, the first of a subject from a sequence on, or the last of a subject. */
export type MessageQuery =
  { readonly sequence: number; readonly subject?: string | undefined } | { readonly lastOf: string };

/**
 * Reads one message: from any replica if `direct`, otherwise from the stream's leader. If a stream does not allow
 * direct gets (any more), its leader is asked.
 *
 * @throws {@link MessageNotFoundError}
 */
export async function getMessage(
  api: JetStreamApi,
  stream: string,
  query: MessageQuery,
  direct: boolean,
  options: CallOptions,
): Promise<StoredMessage> {
  const body = request(query);
  return inSteps(options, async (left) => {
    const found = direct ? await getDirect(api, stream, query, body, left) : undefined;
    return found ?? getFromLeader(api, stream, body, inWords(query), left);
  });
}

/**
 * The message of a reply to a direct get; `undefined` if the reply is a status.
 *
 * If the server has overwritten the end of its headers, they are requested from the leader. If that is not possible,
 * for example without the permission, the incomplete line is omitted.
 */
export function fromDirectGet(
  api: JetStreamApi,
  stream: string,
  reply: Msg,
  options: CallOptions,
): StoredMessage | Promise<StoredMessage> | undefined {
  const found = readDirectReply(reply);
  if (!found) return undefined;
  const message = fromDirectReply(found, reply.data);
  return found.isWhole ? message : withWholeHeaders(api, stream, message, options);
}

async function withWholeHeaders(
  api: JetStreamApi,
  stream: string,
  message: StoredMessage,
  options: CallOptions,
): Promise<StoredMessage> {
  const { sequence, subject, time } = message;
  try {
    const whole = await getFromLeader(api, stream, { seq: sequence }, `sequence ${sequence}`, options);
    return whole.subject === subject && whole.time.getTime() === time.getTime() ? whole : message;
  } catch {
    return message;
  }
}

async function getFromLeader(
  api: JetStreamApi,
  stream: string,
  query: LeaderQuery,
  message: string,
  options: CallOptions,
): Promise<StoredMessage> {
  return fromApi(stream, await readFromLeader(api, stream, query, { ...options, message }));
}

/** A query for a message in the wire format. */
export type LeaderQuery =
  { readonly seq: number; readonly next_by_subj?: string | undefined } | { readonly last_by_subj: string };

/**
 * Asks the leader of a stream for one message, as it is stored. The leader has every acknowledged write.
 *
 * @throws {@link MessageNotFoundError}; {@link InvalidApiResponseError} if the response has no message
 */
export async function readFromLeader(
  api: JetStreamApi,
  stream: string,
  query: LeaderQuery,
  options: Omit<ApiCallOptions, 'stream'> = {},
): Promise<WireStoredMessage> {
  const operation = `STREAM.MSG.GET.${stream}`;
  const { message } = await api.call<{ readonly message?: WireStoredMessage }>(operation, query, {
    ...options,
    stream,
  });
  if (!message) throw new InvalidApiResponseError(operation, 'it has no message');
  return message;
}

/** @throws {@link InvalidArgumentError} */
export function validateSequence(sequence: number, argument = 'sequence'): void {
  checkWholeNumber(argument, sequence, 1);
}

async function getDirect(
  api: JetStreamApi,
  stream: string,
  query: MessageQuery,
  body: LeaderQuery,
  options: CallOptions,
): Promise<StoredMessage | undefined> {
  const subject = `${api.connection.apiPrefix}.DIRECT.GET.${stream}`;
  // The request's subject contains the message's subject, so that permissions can be granted by subject.
  const reply = await (
    'lastOf' in query
      ? api.requests.request(`${subject}.${query.lastOf}`, '', { ...options, idempotent: true })
      : api.requests.request(subject, JSON.stringify(body), { ...options, idempotent: true })
  ).catch((error: unknown) => {
    if (error instanceof NoRespondersError) return undefined;
    throw error;
  });
  if (!reply) return undefined;
  const message = fromDirectGet(api, stream, reply, options);
  if (!message) throw statusError(reply, stream, inWords(query));
  return message;
}

/** The error for a status in response to a direct get. */
export function statusError(
  reply: Msg,
  stream: string,
  what: string,
): JetStreamApiError | InvalidApiResponseError {
  const { code = 0, description = '' } = reply.headers ?? {};
  if (code === 404) return new MessageNotFoundError(stream, what);
  if (code === 0)
    return new InvalidApiResponseError(`DIRECT.GET.${stream}`, 'it is neither a message nor a status');
  return new JetStreamApiError(
    { code, description },
    `Direct get from stream "${stream}" (${what}): ${code} ${description}`,
  );
}

function request(query: MessageQuery): LeaderQuery {
  if ('lastOf' in query) {
    validateFilter(query.lastOf);
    return { last_by_subj: query.lastOf };
  }
  validateSequence(query.sequence);
  if (query.subject === undefined) return { seq: query.sequence };
  validateFilter(query.subject);
  return { seq: query.sequence, next_by_subj: query.subject };
}

function inWords(query: MessageQuery): string {
  if ('lastOf' in query) return `"${query.lastOf}"`;
  return query.subject === undefined
    ? `sequence ${query.sequence}`
    : `"${query.subject}" from sequence ${query.sequence} on`;
}
