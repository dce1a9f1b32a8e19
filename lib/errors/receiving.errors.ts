import { JetStreamError } from './jetstream.error.js';

/**
 * The consumer was deleted while messages were being received from it.
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
 * The client received neither messages nor heartbeats from a consumer: the server or the consumer's leader may be down.
 *
 * @remarks Nothing: the client repeats the request.
 */
export class NoHeartbeatError extends JetStreamError {
  constructor(
    /** The name of the stream. */
    readonly stream: string,
    /** The name of the consumer. */
    readonly consumer: string,
    /** The heartbeat interval, in milliseconds. */
    readonly heartbeat: number,
  ) {
    super(
      `No heartbeat from consumer "${consumer}" of stream "${stream}" for more than ${2 * heartbeat} ms: ` +
        'the request is repeated.',
    );
  }
}

/**
 * The server refused a pull request, or ended it before it was fulfilled.
 *
 * @remarks See `status` and `description`.
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
  ) {
    super(
      `A pull request to consumer "${consumer}" of stream "${stream}" was rejected: ${status} ${description || 'no responders'}`,
    );
  }
}
