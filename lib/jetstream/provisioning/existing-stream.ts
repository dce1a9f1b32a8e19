import { StreamNotFoundError } from '../../errors/index.js';
import { Deadline, retry } from '../../timing/index.js';
import type { CallOptions } from '../api/index.js';
import type { JetStreamService } from '../jetstream.service.js';
import type { Stream } from '../streams/index.js';

/** How long a stream that exists is looked for, in milliseconds. */
const PATIENCE = 5_000;
/** The waits between attempts, in milliseconds. */
const WAITS = { first: 20, longest: 500 };

/**
 * Reads a stream that a server has just refused to create because it exists. While another client creates it, the servers of
 * a cluster do not find it yet, so it is looked for until it is there.
 *
 * @throws {@link StreamNotFoundError} if it is not found within 5 s, or within the timeout if that is shorter
 */
export function existingStream(
  jetstream: JetStreamService,
  name: string,
  options: CallOptions = {},
): Promise<Stream> {
  const { signal, timeout = PATIENCE } = options;
  return retry(() => jetstream.stream(name, options), {
    ...WAITS,
    deadline: new Deadline(Math.min(timeout, PATIENCE)),
    retryable: (error) => error instanceof StreamNotFoundError,
    ...(signal !== undefined && { signal }),
  });
}
