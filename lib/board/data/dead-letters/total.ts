import { DEAD_LETTER_STREAM } from '../../../consuming/index.js';
import type { JetStreamService } from '../../../jetstream/index.js';

/** How many dead letters there are. @throws {@link StreamNotFoundError} */
export async function deadLetterCount(jetstream: JetStreamService, signal: AbortSignal): Promise<number> {
  const { cachedInfo } = await jetstream.stream(DEAD_LETTER_STREAM, { signal });
  return cachedInfo.state.messages;
}
