import { DEAD_LETTER_STREAM, subjectsOf } from '../../../consuming/index.js';
import type { JetStreamService } from '../../../jetstream/index.js';
import type { DeadLetterSelection } from '../../model/index.js';
import { filterOf } from '../dead-letters/index.js';

/** The dead letters that a new job covers. */
interface Extent {
  /** When the stream was created. */
  readonly created: string;
  /** The sequence of the last dead letter. */
  readonly last: number;
  /** An upper bound of how many the selection covers. */
  readonly total: number;
}

/** @throws {@link StreamNotFoundError} if there are no dead letters yet */
export async function extentOf(jetstream: JetStreamService, selection: DeadLetterSelection): Promise<Extent> {
  const stream = await jetstream.stream(DEAD_LETTER_STREAM);
  const { lastSequence, messages } = stream.cachedInfo.state;
  const created = stream.cachedInfo.created.toISOString();
  if (selection.stream === undefined && selection.consumer === undefined)
    return { created, last: lastSequence, total: messages };
  // There is one subject for each consumer.
  const { state } = await stream.info({ subjectFilter: subjectsOf(filterOf(selection)) });
  const counts = Object.values(state.subjects ?? {});
  return { created, last: lastSequence, total: counts.reduce((sum, count) => sum + count, 0) };
}
