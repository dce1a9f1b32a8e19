import { MessageNotFoundError } from '../../../errors/index.js';
import type { StoredMessage, Stream } from '../../../jetstream/index.js';

/** The messages that were read between two sequences. */
export interface Window {
  /** In the order of the stream. */
  readonly messages: readonly StoredMessage[];
  /** Whether these are all of them. */
  readonly isWhole: boolean;
  /** The number of messages that the server was asked for. */
  readonly cost: number;
}

/** Reads the messages between two sequences, both included: some of them if there are more than `most`. */
export type ReadWindow = (first: number, last: number, most: number) => Promise<Window>;

/** Selects the messages to read. */
export interface WindowSource {
  readonly stream: Stream;
  /** Only messages whose subject matches. */
  readonly subject: string;
  readonly signal: AbortSignal;
}

/** Into how many parts a window is split that is read message by message. */
const PARTS = 8;

/** Reads each window with one request. Needs `allowDirect` and nats-server 2.11. */
export function inBatches({ stream, subject, signal }: WindowSource): ReadWindow {
  return async (first, last, most) => {
    const messages: StoredMessage[] = [];
    const found = stream.getMessages({ startSequence: first, batch: most, subject, signal });
    for await (const message of found) {
      if (message.sequence > last) return { messages, isWhole: true, cost: most };
      messages.push(message);
    }
    // Fewer than requested means that the stream has ended.
    const isWhole = messages.length < most || messages.at(-1)?.sequence === last;
    return { messages, isWhole, cost: messages.length + 1 };
  };
}

/** Reads each message with a request of its own, several at a time. */
export function oneByOne({ stream, subject, signal }: WindowSource): ReadWindow {
  /** The first message at or after a sequence: the server skips deleted ones. */
  const messageFrom = async (sequence: number): Promise<StoredMessage | undefined> => {
    try {
      return await stream.getMessage(sequence, { subject, signal });
    } catch (error) {
      if (error instanceof MessageNotFoundError) return undefined;
      throw error;
    }
  };
  const readPart: ReadWindow = async (first, last, most) => {
    const messages: StoredMessage[] = [];
    let next = first;
    while (next <= last && messages.length < most) {
      const message = await messageFrom(next);
      if (message === undefined || message.sequence > last)
        return { messages, isWhole: true, cost: messages.length + 1 };
      messages.push(message);
      next = message.sequence + 1;
    }
    return { messages, isWhole: next > last, cost: messages.length };
  };
  return async (first, last, most) => {
    const size = Math.ceil((last - first + 1) / PARTS);
    const parts: Promise<Window>[] = [];
    for (let start = first; start <= last; start += size)
      parts.push(readPart(start, Math.min(last, start + size - 1), Math.ceil(most / PARTS)));
    const read = await Promise.all(parts);
    return {
      messages: read.flatMap(({ messages }) => messages),
      isWhole: read.every(({ isWhole }) => isWhole),
      cost: read.reduce((sum, { cost }) => sum + cost, 0),
    };
  };
}
