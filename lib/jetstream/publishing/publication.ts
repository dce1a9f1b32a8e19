import { headers as createHeaders } from '@nats-io/transport-node';
import {
  NoRespondersError,
  NoStreamResponseError,
  PublishRefusedError,
  PublishTimeoutError,
  RequestTimeoutError,
  type InvalidPubAckError,
} from '../../errors/index.js';
import type { ReplyHandler, Requests } from '../../requests/index.js';
import type { EncodedMessage } from './message-encoder.js';
import type { MessageIds } from './message-ids.js';
import type { PubAck, PubAckReader } from './pub-ack.js';
import { PublishHeader } from './publish-headers.js';
import type { RetryPauses } from './retry-pauses.js';

/** The services that all publications of one publisher share. */
export interface PublicationContext {
  readonly requests: Requests;
  readonly acks: PubAckReader;
  readonly ids: MessageIds;
  readonly pauses: RetryPauses;
}

/** How a message is sent and retried; shared by all messages without their own options. */
export interface Delivery {
  /** The timeout for all attempts together, in milliseconds. */
  readonly timeout: number;
  readonly retryAttempts: number;
  readonly retryWait: number;
  readonly signal: AbortSignal | undefined;
}

/** Receives the outcome of a publication: an error or an acknowledgement. */
export type PublicationHandler = (
  ...outcome: [error: Error, ack: undefined] | [error: undefined, ack: PubAck]
) => void;

/**
 * One message that is being published: it is sent, retried if no stream answers, and settled once.
 *
 * "No responders" means that nothing was stored, so it is safe to send again. The message still gets an id, because the
 * response to the second attempt may be lost with the connection.
 */
export class Publication {
  private attempts = 0;
  private started = 0;
  private sent = false;

  constructor(
    private readonly context: PublicationContext,
    private message: EncodedMessage,
    private readonly delivery: Delivery,
    private readonly onSettled: PublicationHandler,
  ) {}

  /** Sends the message. The handler is called once, possibly before this returns. */
  send(): void {
    const { timeout } = this.delivery;
    this.attempts = 1;
    this.started = performance.now();
    // A message with an id is sent once more at half-time: the acknowledgement may be lost with the leader of a stream
    // in a cluster, which the connection does not notice.
    this.attempt(this.message.messageId === undefined ? timeout : timeout / 2);
  }

  private attempt(timeout: number): void {
    const { subject, data, headers, messageId } = this.message;
    const { signal } = this.delivery;
    this.context.requests.send(
      subject,
      data,
      { timeout, headers, idempotent: messageId !== undefined, signal },
      this.onReply,
    );
  }

  private readonly onReply: ReplyHandler = (error, reply) => {
    if (error) return this.failed(error);
    let ack: PubAck;
    try {
      ack = this.context.acks.read(reply.data, this.message.subject);
    } catch (refusal) {
      return this.failed(refusal as PublishRefusedError | InvalidPubAckError);
    }
    this.onSettled(undefined, ack);
  };

  private failed(error: Error): void {
    const { retryAttempts, retryWait } = this.delivery;
    if (error instanceof RequestTimeoutError) this.sent ||= error.sent;
    if (repeatable(error) && this.attempts <= retryAttempts && retryWait < this.timeLeft()) {
      this.attempts++;
      this.identify();
      this.context.pauses.after(retryWait, this.delivery.signal, (ended) => {
        if (ended) this.onSettled(ended, undefined);
        else this.attempt(this.timeLeft());
      });
    } else if (error instanceof RequestTimeoutError && this.timeLeft() > 0) {
      this.attempt(this.timeLeft());
    } else {
      this.onSettled(this.explain(error), undefined);
    }
  }

  private timeLeft(): number {
    return this.started + this.delivery.timeout - performance.now();
  }

  private identify(): void {
    if (this.message.messageId !== undefined) return;
    const messageId = this.context.ids.next();
    const headers = this.message.headers ?? createHeaders();
    headers.append(PublishHeader.messageId, messageId);
    this.message = { ...this.message, headers, messageId };
  }

  private explain(error: Error): Error {
    const { subject, messageId } = this.message;
    if (error instanceof NoRespondersError) return new NoStreamResponseError(subject, this.attempts);
    if (error instanceof RequestTimeoutError) {
      return new PublishTimeoutError(subject, this.delivery.timeout, messageId, this.sent);
    }
    return error;
  }
}

/**
 * Whether no stream was found, or the stream is still processing the same message, sent before a reconnect (code
 * 10158).
 */
function repeatable(error: Error): boolean {
  return error instanceof NoRespondersError || (error instanceof PublishRefusedError && error.code === 10158);
}
