import { JetStreamError } from './jetstream.error.js';
import { type AfterPullFailure, ConsumerDeletedError, PullRequestRefusedError } from './receiving.errors.js';

/**
 * The consumer or its stream has a new leader.
 *
 * @remarks Nothing while consuming: the client repeats the request. After `fetch` and `next`, fetch again.
 */
export class ConsumerLeadershipChangedError extends PullRequestRefusedError {}

/**
 * The server that leads the consumer is shutting down.
 *
 * @remarks Nothing while consuming: the client repeats the request, which the next leader of the consumer answers.
 * After `fetch` and `next`, fetch again.
 */
export class ServerShutdownError extends PullRequestRefusedError {}

/**
 * Another client was pinned in the meantime (ADR-42).
 *
 * @remarks Nothing while consuming: the client waits until it is pinned again. After `fetch` and `next`, fetch again.
 */
export class PinIdMismatchError extends PullRequestRefusedError {}

/**
 * The next message is larger than the pull request allows.
 *
 * @remarks Raise `maxBytes`, or the bytes of `fetchBytes`, above the size of the largest message.
 */
export class MaxBytesExceededError extends PullRequestRefusedError {}

/**
 * A message was requested from an iterator that was stopped, drained, or ended by an error (its `cause`).
 *
 * @remarks Call `messages()` again to open a new iterator.
 */
export class IteratorClosedError extends JetStreamError {
  constructor(
    /** The name of the stream. */
    readonly stream: string,
    /** The name of the consumer. */
    readonly consumer: string,
    options?: ErrorOptions,
  ) {
    super(
      `The message iterator of consumer "${consumer}" on stream "${stream}" is closed. Call messages() to open a new one.`,
      options,
    );
  }
}

/**
 * The handle of a push consumer is already consuming.
 *
 * @remarks Stop the handle first, or get another one for the consumer.
 */
export class ConsumerAlreadyConsumingError extends JetStreamError {
  constructor(
    /** The name of the stream. */
    readonly stream: string,
    /** The name of the consumer. */
    readonly consumer: string,
  ) {
    super(
      `Push consumer "${consumer}" on stream "${stream}" is already consuming. Stop it first, or use another handle.`,
    );
  }
}

/**
 * An ordered consumer can run only one operation at a time.
 *
 * @remarks Create another one with `orderedConsumer()`.
 */
export class OrderedConsumerInUseError extends JetStreamError {
  constructor(
    /** The name of the stream. */
    readonly stream: string,
    problem: string,
  ) {
    super(`Ordered consumer on stream "${stream}": ${problem}. Create another one with orderedConsumer().`);
  }
}

/**
 * Converts a status that the server sent in response to a pull request to an error.
 */
export function toPullError(
  stream: string,
  consumer: string,
  code: number,
  description: string,
  after: AfterPullFailure = 'repeat',
): ConsumerDeletedError | PullRequestRefusedError {
  const words = description.toLowerCase();
  if (words.includes('consumer deleted')) return new ConsumerDeletedError(stream, consumer);
  const Refusal = refusal(code, words);
  return new Refusal(stream, consumer, code, description, adviceOn(Refusal, after));
}

function adviceOn(Refusal: typeof PullRequestRefusedError, after: AfterPullFailure): string | undefined {
  if (Refusal === PullRequestRefusedError) return undefined;
  if (Refusal === MaxBytesExceededError)
    return `Raise ${after === 'repeat' ? 'maxBytes' : 'the requested bytes'} above the size of the largest message.`;
  if (after === 'end') return 'Fetch again.';
  return Refusal === PinIdMismatchError
    ? 'No action is needed: the client waits until it is pinned again.'
    : 'No action is needed: the request is repeated.';
}

function refusal(code: number, words: string): typeof PullRequestRefusedError {
  if (code === 423) return PinIdMismatchError;
  if (words.includes('leadership change')) return ConsumerLeadershipChangedError;
  if (words.includes('server shutdown')) return ServerShutdownError;
  if (words.includes('message size exceeds maxbytes')) return MaxBytesExceededError;
  return PullRequestRefusedError;
}
