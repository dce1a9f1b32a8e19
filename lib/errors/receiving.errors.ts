import { JetStreamError } from './jetstream.error.js';

/**
 * The consumer was deleted, or its stream, before or while messages were received from it.
 *
 * @remarks Create the consumer again to continue receiving.
 */
export class ConsumerDeletedError extends JetStreamError {
  constructor(
    /** The name of the stream. */
    readonly stream: string,
    /** The name of the consumer. */
    readonly consumer: string,
  ) {
    super(`Consumer "${consumer}" of stream "${stream}" was deleted. Create it again to continue receiving.`);
  }
}

/**
 * The stream was deleted and created again, or lost its messages, while it was being read: its sequences start from the
 * beginning.
 *
 * @remarks Nothing: reading continues with the messages of the new stream.
 */
export class StreamReplacedError extends JetStreamError {
  constructor(
    /** The name of the stream. */
    readonly stream: string,
  ) {
    super(
      `Stream "${stream}" was deleted and created again while it was being read. ` +
        'No action is needed: reading continues with the messages of the new stream.',
    );
  }
}

/**
 * The effect of a failed pull request: `consume`, `messages` and handlers repeat it, `fetch` and `next` end with the
 * error.
 */
export type AfterPullFailure = 'repeat' | 'end';

/**
 * The client received neither messages nor heartbeats from a consumer: the server or the consumer's leader may be down.
 *
 * @remarks Nothing while consuming: the client continues when the server responds. After `fetch` and `next`, check that
 * the server is running and reachable, then fetch again.
 */
export class NoHeartbeatError extends JetStreamError {
  constructor(
    /** The name of the stream. */
    readonly stream: string,
    /** The name of the consumer. */
    readonly consumer: string,
    /** The heartbeat interval, in milliseconds. */
    readonly heartbeat: number,
    after: AfterPullFailure = 'repeat',
  ) {
    super(
      `No heartbeat from consumer "${consumer}" of stream "${stream}" for more than ${2 * heartbeat} ms. ` +
        (after === 'repeat'
          ? 'No action is needed: receiving continues when the server responds.'
          : 'Check that the server is running and reachable, then fetch again.'),
    );
  }
}

/**
 * The server refused a pull request, or ended it before it was fulfilled.
 *
 * @remarks Correct the options of the request or the configuration of the consumer as `status` and `description` say;
 * for status 503, check that the consumer exists and that its stream has a leader.
 */
export class PullRequestRefusedError extends JetStreamError {
  constructor(
    /** The name of the stream. */
    readonly stream: string,
    /** The name of the consumer. */
    readonly consumer: string,
    /** The status, such as 409. */
    readonly status: number,
    /** The server's description of the status. */
    readonly description: string,
    /** What to do. */
    advice = status === 503
      ? 'Check that the consumer exists and that its stream has a leader.'
      : 'Correct the options of the request or the configuration of the consumer as this status says.',
  ) {
    super(
      `A pull request to consumer "${consumer}" of stream "${stream}" was rejected: ${status} ${description || 'no responders'}. ${advice}`,
    );
  }
}
