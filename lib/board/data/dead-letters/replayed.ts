import type { DeadLetter, DeadLetters, ReplayOptions } from '../../../consuming/index.js';
import { ReplayFailedError } from '../../../errors/index.js';
import { isInstance } from '../../../reporting/index.js';
import type { Payloads } from '../payloads/index.js';

/**
 * Replays a dead letter. With a mask, the error of its handler is left out, because it may contain parts of the payload,
 * and is stored, logged and shown.
 *
 * @throws the errors of {@link DeadLetters.replay}
 */
export async function replayed(
  { isMasked }: Pick<Payloads, 'isMasked'>,
  letters: DeadLetters,
  letter: DeadLetter,
  to: ReplayOptions['to'],
): Promise<void> {
  try {
    await letters.replay(letter, { to });
  } catch (error) {
    if (!isMasked || !isInstance(error, ReplayFailedError)) throw error;
    const { handler, sequence } = error;
    // Without the original error as its cause too.
    throw new ReplayFailedError(sequence, handler, 'its error is hidden, because payloads are masked');
  }
}
