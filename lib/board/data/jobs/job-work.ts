import {
  DEAD_LETTER_STREAM,
  type DeadLetter,
  type DeadLetters,
  subjectsOf,
  toTest,
} from '../../../consuming/index.js';
import {
  DeadLetterNotFoundError,
  isTransient,
  NotConnectedError,
  PublishTimeoutError,
} from '../../../errors/index.js';
import type { JetStreamService } from '../../../jetstream/index.js';
import { errorText, isInstance } from '../../../reporting/index.js';
import { retry } from '../../../timing/index.js';
import { filterOf, rawOf, replayed, rowOf } from '../dead-letters/index.js';
import type { Payloads } from '../payloads/index.js';
import type { JobProgress } from './job-progress.js';
import { Pace } from './pace.js';
import type { StoredJob } from './stored-job.js';

/** How many dead letters are read at a time. */
const PAGE = 200;
/** How many are replayed or dropped at the same time. */
const AT_ONCE = 64;
/** Reading is repeated for so long if the server does not answer, in milliseconds. */
const PATIENCE = { first: 200, longest: 5_000 };
const MOST_ATTEMPTS = 10;

/** The services that the work of a job uses. */
export interface JobTools {
  readonly jetstream: JetStreamService;
  readonly letters: DeadLetters;
  readonly payloads: Payloads;
}

/** Works on a job from its position on, until it is done or the signal is aborted. */
export async function work(
  job: StoredJob,
  progress: JobProgress,
  tools: JobTools,
  signal: AbortSignal,
): Promise<void> {
  const { cachedInfo } = await tools.jetstream.stream(DEAD_LETTER_STREAM, { signal });
  if (cachedInfo.created.toISOString() !== job.streamCreated)
    throw new Error(
      'the stream of the dead letters was created again after the job was started. Start a new job',
    );
  if (job.kind === 'search') await search(job, progress, tools, signal);
  else if (job.kind === 'drop' && isWholeConsumer(job)) await purge(job, progress, tools);
  else await each(job, progress, tools, signal);
}

/** Whether the server can drop everything that the job selects with one request. */
function isWholeConsumer({ rate, selection }: StoredJob): boolean {
  const { stream: _, consumer: __, ...rest } = selection;
  return rate === undefined && Object.values(rest).every((value) => value === undefined);
}

async function purge(
  { selection, until }: StoredJob,
  progress: JobProgress,
  { jetstream }: JobTools,
): Promise<void> {
  const stream = await jetstream.stream(DEAD_LETTER_STREAM);
  const purged = await stream.purge({ subject: subjectsOf(filterOf(selection)), sequence: until + 1 });
  progress.read(purged);
  progress.succeeded(purged);
  progress.reached(until);
}

/** Replays or drops, from the oldest on. */
async function each(
  job: StoredJob,
  progress: JobProgress,
  tools: JobTools,
  signal: AbortSignal,
): Promise<void> {
  const { selection, until } = job;
  const { stream, consumer, since, until: before, ...rest } = filterOf(selection);
  const fits = toTest(rest);
  const pace = new Pace(job.rate);
  for (;;) {
    const { letters, next } = await patiently(signal, () =>
      tools.letters.page(
        { stream, consumer, since, until: before },
        { after: progress.position, limit: PAGE, signal },
      ),
    );
    const due = letters.filter(({ sequence }) => sequence <= until);
    await atOnce(due, progress, signal, async (letter) => {
      if (!fits(letter)) return true;
      await pace.turn(signal);
      if (signal.aborted) return false;
      await change(job, letter, progress, tools, signal);
      return true;
    });
    if (signal.aborted) return;
    if (next === undefined || due.length < letters.length) break;
  }
  progress.reached(until);
}

/**
 * Calls a function for each dead letter, several at a time. The position is below all that are not finished.
 *
 * @param act returns whether the letter is finished
 */
async function atOnce(
  letters: readonly DeadLetter[],
  progress: JobProgress,
  signal: AbortSignal,
  act: (letter: DeadLetter) => Promise<boolean>,
): Promise<void> {
  const last = letters.at(-1);
  if (last === undefined) return;
  // In their order, so that the first one is the lowest.
  const unfinished = new Set(letters.map(({ sequence }) => sequence));
  const queue = letters.values();
  const worker = async (): Promise<void> => {
    for (const letter of queue) {
      if (signal.aborted) return;
      if (!(await act(letter))) return;
      unfinished.delete(letter.sequence);
      progress.read();
      const [first = last.sequence + 1] = unfinished;
      progress.reached(first - 1);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function change(
  { kind, to }: StoredJob,
  letter: DeadLetter,
  progress: JobProgress,
  { letters, payloads }: JobTools,
  signal: AbortSignal,
): Promise<void> {
  const act = (): Promise<void> =>
    kind === 'drop' ? letters.drop(letter) : replayed(payloads, letters, letter, to);
  try {
    // A handler may have done its work before an error of the connection.
    await (to === 'handler' ? act() : patiently(signal, act));
    progress.succeeded();
  } catch (error) {
    // Someone else has replayed or dropped it.
    if (isInstance(error, DeadLetterNotFoundError)) return;
    progress.failed(`${letter.sequence}: ${errorText(error)}`);
  }
}

/** Searches, from the newest on. */
async function search(
  job: StoredJob,
  progress: JobProgress,
  { jetstream, letters: all, payloads }: JobTools,
  signal: AbortSignal,
): Promise<void> {
  const text = (job.text ?? '').toLowerCase();
  const filter = filterOf(job.selection);
  const pace = new Pace(job.rate);
  const { name } = jetstream.connection;
  while (!progress.isFull) {
    const after = progress.position;
    const { letters, next } = await patiently(signal, () =>
      all.page(filter, { after, limit: PAGE, order: 'newest', signal }),
    );
    for (const letter of letters) {
      await pace.turn(signal);
      if (signal.aborted) return;
      const shown = await payloads.textOf(rawOf(name, letter));
      if (shown.toLowerCase().includes(text)) progress.matched(await rowOf(letter, payloads, name));
      progress.read();
      progress.reached(letter.sequence);
      if (progress.isFull) return;
    }
    if (signal.aborted) return;
    if (next === undefined) break;
    progress.reached(next);
  }
}

/** Repeats what is safe to repeat while the server does not answer. */
function patiently<T>(signal: AbortSignal, act: () => Promise<T>): Promise<T> {
  let attempts = 0;
  return retry(act, {
    ...PATIENCE,
    signal,
    retryable: (error) => mayPass(error) && ++attempts < MOST_ATTEMPTS,
  });
}

function mayPass(error: unknown): boolean {
  return isTransient(error) || isInstance(error, PublishTimeoutError) || isInstance(error, NotConnectedError);
}
