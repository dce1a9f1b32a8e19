import { coverageOf } from '../../contracts/index.js';
import { MessageNotFoundError } from '../../errors/index.js';
import type { StoredMessage, Stream } from '../../jetstream/index.js';
import { isInstance } from '../../reporting/index.js';
import { Deadline } from '../../timing/index.js';
import type { TryItChannel } from './channels.js';
import { TryItRefusal } from './refusal.js';

/** How many messages are read at most in a search, including those that are not among the last ones. */
const MOST_READS = 300;

/** The last messages of a channel. */
export interface RecentMessages {
  readonly stream: string;
  /** The newest one is first. */
  readonly messages: readonly StoredMessage[];
  /** Whether there are no older messages, or as many as requested were found. */
  readonly isComplete: boolean;
}

/**
 * Reads the last messages of a channel from its stream, without a consumer: the last one, and then older ones in windows of
 * sequences that grow, because servers search forwards only.
 *
 * @param count how many messages
 * @throws {@link TryItRefusal} if no stream stores them; the errors of requests
 */
export async function recentMessages(
  channel: TryItChannel,
  count: number,
  timeout: number,
): Promise<RecentMessages> {
  const deadline = new Deadline(timeout);
  const { jetstream } = channel.connection;
  const { filter } = channel.contract;
  const name = channel.stream ?? (await streamOf(channel));
  const stream = await jetstream.stream(name, { timeout: deadline.left });
  const last = await lastOf(stream, filter, deadline);
  if (last === undefined) return { stream: name, messages: [], isComplete: true };
  const { firstSequence } = stream.cachedInfo.state;
  let found: readonly StoredMessage[] = [last];
  let end = last.sequence - 1;
  let window = count;
  let left = MOST_READS;
  while (found.length < count && end >= firstSequence) {
    const start = Math.max(firstSequence, end - window + 1);
    const older = await within(stream, filter, { start, end, most: left }, deadline);
    // Without its end, the newest messages of the window are missing.
    if (older === undefined) return { stream: name, messages: found, isComplete: false };
    found = [...found, ...older.toReversed()].slice(0, count);
    left -= older.length + 1;
    end = start - 1;
    window *= 4;
  }
  return { stream: name, messages: found, isComplete: true };
}

interface Window {
  readonly start: number;
  readonly end: number;
  /** How many messages may be read. */
  readonly most: number;
}

/** The messages of a window in the order of the stream; `undefined` if there are too many, or time is over. */
async function within(
  stream: Stream,
  subject: string,
  { start, end, most }: Window,
  deadline: Deadline,
): Promise<readonly StoredMessage[] | undefined> {
  const messages: StoredMessage[] = [];
  let sequence = start;
  while (sequence <= end) {
    if (messages.length >= most || deadline.passed) return undefined;
    const message = await orNone(stream.getMessage(sequence, { subject, timeout: deadline.left }));
    if (message === undefined || message.sequence > end) return messages;
    messages.push(message);
    sequence = message.sequence + 1;
  }
  return messages;
}

function lastOf(stream: Stream, filter: string, deadline: Deadline): Promise<StoredMessage | undefined> {
  return orNone(stream.getLastMessage(filter, { timeout: deadline.left }));
}

async function orNone(message: Promise<StoredMessage>): Promise<StoredMessage | undefined> {
  try {
    return await message;
  } catch (error) {
    if (isInstance(error, MessageNotFoundError)) return undefined;
    throw error;
  }
}

async function streamOf({ contract, connection, address }: TryItChannel): Promise<string> {
  const coverage = await coverageOf(connection.jetstream, contract.filter);
  if (coverage.kind === 'covered') return coverage.stream;
  if (coverage.kind === 'unknown') throw coverage.error;
  throw new TryItRefusal(404, `No stream stores all messages of "${address}", so there are none to show.`);
}
