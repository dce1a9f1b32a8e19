import {
  consumerPage,
  newestMessages,
  type StoredMessage,
  validateFilter,
} from '../../../jetstream/index.js';
import { required, text } from '../../../validation/index.js';
import type { Views } from '../answers.js';
import type { BoardContext } from '../board-context.js';
import { shownMessage } from '../dead-letters/index.js';
import { CONNECTION, nameText, PAGED, pageOf, searchText } from '../inputs.js';
import { pageOfRows } from '../page-of-rows.js';
import { consumerRow, streamDetails, streamRow } from './rows.js';
import { listStreams } from './stream-list.js';

const STREAM = { stream: required(nameText) };
/** The oldest nats-server that reads several messages by one direct get. */
const BATCHES_SINCE = '2.11.0';
/** The filter for all subjects. */
const ALL = '>';

/** The views of streams, their consumers and their messages. */
export function streamViews(context: BoardContext): Views<'streams' | 'stream' | 'consumers' | 'messages'> {
  return {
    streams: {
      parameters: { ...PAGED, search: searchText },
      async answer({ connection, search, ...page }, signal) {
        const selection = search === undefined ? {} : { accepts: contains(search) };
        const found = await listStreams(context.jetstream(connection), selection, pageOf(page), signal);
        const { streams, next, total } = found;
        return pageOfRows(streams.map(streamRow), next, search === undefined ? total : undefined);
      },
    },
    stream: {
      parameters: { ...CONNECTION, ...STREAM },
      async answer({ connection, stream }, signal) {
        const { cachedInfo } = await context.jetstream(connection).stream(stream, { signal });
        return streamDetails(cachedInfo);
      },
    },
    consumers: {
      parameters: { ...PAGED, ...STREAM },
      async answer({ connection, stream, ...page }, signal) {
        const { api } = context.jetstream(connection);
        const { after = 0, limit } = pageOf(page);
        const { items, next, total } = await consumerPage(api, stream, after, { signal });
        // The server sends more than a page has.
        const rows = items.slice(0, limit).map(consumerRow);
        return pageOfRows(rows, items.length > limit ? after + limit : next, total);
      },
    },
    messages: {
      parameters: { ...PAGED, ...STREAM, subject: text },
      async answer({ connection, stream: name, subject, ...page }, signal) {
        if (subject !== undefined) validateFilter(subject);
        const jetstream = context.jetstream(connection);
        const { after: before, limit } = pageOf(page);
        const stream = await jetstream.stream(name, { signal });
        const direct = stream.cachedInfo.config.allowDirect && jetstream.connection.supports(BATCHES_SINCE);
        const query = { before, limit, direct, subject: subject ?? ALL, pick: unchanged };
        const { items, next } = await newestMessages(stream, query, { signal });
        const rows = items.map((message) =>
          shownMessage(context.payloads, jetstream.connection.name, message),
        );
        const total = subject === undefined ? stream.cachedInfo.state.messages : undefined;
        return pageOfRows(await Promise.all(rows), next, total);
      },
    },
  };
}

const unchanged = (message: StoredMessage): StoredMessage => message;

/** Whether a name contains a text; upper and lower case are not distinguished. */
function contains(search: string): (name: string) => boolean {
  const wanted = search.toLowerCase();
  return (name) => name.toLowerCase().includes(wanted);
}
