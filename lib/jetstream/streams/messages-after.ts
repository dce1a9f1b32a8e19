import { MessageNotFoundError } from '../../errors/index.js';
import type { CallOptions } from '../api/index.js';
import type { StoredMessage } from './stored-message.js';
import type { Stream } from './stream.js';

/** The maximum number of messages held in memory: each may be as large as the server allows. */
const PAGE = 100;

/** Selects stored messages, and how they are read. */
export interface MessagesAfter {
  /** A sequence. */
  readonly after: number;
  readonly since: Date | undefined;
  readonly subject: string;
  /** Whether they are read in pages, from any replica. */
  readonly direct: boolean;
}

/** The stored messages that a selection covers, in the order of the stream. */
export async function* messagesAfter(
  stream: Stream,
  { after, since, subject, direct }: MessagesAfter,
  options: CallOptions,
): AsyncGenerator<StoredMessage, void, undefined> {
  let startTime = direct && after === 0 ? since : undefined;
  for (let last = after; ;) {
    const startSequence = last + 1;
    const page = direct
      ? stream.getMessages({
          ...options,
          ...(startTime ? { startTime } : { startSequence }),
          batch: PAGE,
          subject,
        })
      : nextMessage(stream, startSequence, subject, options);
    for await (const message of page) {
      yield message;
      last = message.sequence;
    }
    if (last < startSequence) return;
    startTime = undefined;
  }
}

/** Reads one message at a time, which every server version supports. */
async function* nextMessage(
  stream: Stream,
  startSequence: number,
  subject: string,
  options: CallOptions,
): AsyncGenerator<StoredMessage, void, undefined> {
  try {
    yield await stream.getMessage(startSequence, { ...options, subject });
  } catch (error) {
    if (!(error instanceof MessageNotFoundError)) throw error;
  }
}
