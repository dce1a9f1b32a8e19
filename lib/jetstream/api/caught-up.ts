import { Backoff, Deadline, sleep } from '../../timing/index.js';
import { throwIfAborted } from '../../user-code/index.js';

/** The part of the information about a stream that is needed to know whether it is complete. */
export interface StreamProgress {
  readonly created: string;
  readonly config: { readonly num_replicas?: number; readonly mirror?: object | null };
  readonly state: { readonly last_seq: number };
}

/** How long a new leader may take until it has applied all messages, in milliseconds. */
const PATIENCE = 5_000;
const PAUSES = { first: 50, longest: 500 };

/**
 * Reads the state of a stream, again for some seconds if it ends before a sequence that it had already reached: after a
 * change, the leader of a replicated stream answers before it has applied its last messages.
 *
 * @param reached a sequence of the stream that was created at `created`; another stream is not waited for
 * @throws the errors of `read`, and the reason of the signal
 */
export async function caughtUp<T extends StreamProgress>(
  read: () => Promise<T>,
  reached: number,
  created: number | undefined,
  signal?: AbortSignal,
): Promise<T> {
  const deadline = new Deadline(PATIENCE);
  const backoff = new Backoff(PAUSES);
  for (;;) {
    const info = await read();
    const isOther = created !== undefined && created !== Date.parse(info.created);
    // A mirror may be behind for any time.
    const isReplicated = (info.config.num_replicas ?? 1) > 1 && !info.config.mirror;
    if (info.state.last_seq >= reached || isOther || !isReplicated || deadline.passed) return info;
    await sleep(backoff.next(), signal);
    throwIfAborted(signal);
  }
}
