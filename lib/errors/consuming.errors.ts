import { JetStreamError } from './jetstream.error.js';
import { ConsumerDeletedError, PullRequestRejectedError } from './receiving.errors.js';

/** The consumer, or its stream, has another leader now: what was asked of the old one is asked again. */
export class ConsumerLeadershipChangedError extends PullRequestRejectedError {}

/** The server that leads the consumer shuts down. */
export class ServerShutdownError extends PullRequestRejectedError {}

/** Another client was pinned in the meantime (ADR-42): this one waits until it is its turn again. */
export class PinIdMismatchError extends PullRequestRejectedError {}

/** The next message is larger than a pull request may be: raise `maxBytes` above the largest message. */
export class MaxBytesExceededError extends PullRequestRejectedError {}

/** Messages were asked of an iterator that was stopped, drained to its end, or ended by an error (its `cause`). */
export class IteratorClosedError extends JetStreamError {
  constructor(
    readonly stream: string,
    readonly consumer: string,
    options?: ErrorOptions,
  ) {
    super(
      `The messages of consumer "${consumer}" on stream "${stream}" are closed: call messages() for new ones.`,
      options,
    );
  }
}

/** A push consumer handle is consuming already. */
export class ConsumerAlreadyConsumingError extends JetStreamError {
  constructor(
    readonly stream: string,
    readonly consumer: string,
  ) {
    super(
      `Push consumer "${consumer}" on stream "${stream}" is consuming already: stop that first, or use another handle.`,
    );
  }
}

/** An ordered consumer does one thing at a time. */
export class OrderedConsumerInUseError extends JetStreamError {
  constructor(
    readonly stream: string,
    problem: string,
  ) {
    super(`Ordered consumer on stream "${stream}": ${problem}. Make another one with orderedConsumer().`);
  }
}

/**
 * Makes the error of a status that answers a pull request.
 *
 * @internal
 */
export function toPullError(
  stream: string,
  consumer: string,
  code: number,
  description: string,
): ConsumerDeletedError | PullRequestRejectedError {
  const words = description.toLowerCase();
  if (words.includes('consumer deleted')) return new ConsumerDeletedError(stream, consumer);
  return new (rejection(code, words))(stream, consumer, code, description);
}

function rejection(code: number, words: string): typeof PullRequestRejectedError {
  if (code === 423) return PinIdMismatchError;
  if (words.includes('leadership change')) return ConsumerLeadershipChangedError;
  if (words.includes('server shutdown')) return ServerShutdownError;
  if (words.includes('message size exceeds maxbytes')) return MaxBytesExceededError;
  return PullRequestRejectedError;
}
