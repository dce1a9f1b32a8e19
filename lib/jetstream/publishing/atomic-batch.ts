import { nuid, type Msg } from '@nats-io/transport-node';
import type { JetStreamConnection } from '../../connection/index.js';
import {
  InvalidArgumentError,
  NoRespondersError,
  NoStreamResponseError,
  PublishTimeoutError,
  RequestTimeoutError,
} from '../../errors/index.js';
import type { RunningOperation } from '../../instruments/index.js';
import type { Requests } from '../../requests/index.js';
import { Deadline } from '../../timing/index.js';
import { isArray } from '../../validation/index.js';
import type { EncodedMessage, MessageEncoder } from './message-encoder.js';
import { checkBatchMessage } from './known-options.js';
import { parsePubAck, refusalIn, type PubAck } from './pub-ack.js';
import type { Delivery } from './publication.js';
import { PublishHeader } from './publish-headers.js';
import type { BatchMessage } from './publish-options.js';
import type { RetryPauses } from './retry-pauses.js';

/** Publishes atomic batches: the stream stores all messages or none (nats-server 2.12, ADR-50). */
export class AtomicBatches {
  constructor(
    private readonly connection: JetStreamConnection,
    private readonly requests: Requests,
    private readonly encoder: MessageEncoder,
    private readonly pauses: RetryPauses,
  ) {}

  async publish(
    messages: readonly BatchMessage[],
    delivery: Delivery,
    operation?: RunningOperation,
  ): Promise<PubAck> {
    this.connection.require('An atomic batch', '2.12.0');
    const [first, ...others] = this.encode(messages, operation);
    const last = others.pop();
    const deadline = new Deadline(delivery.timeout);
    const answer = await this.begin(first, delivery, deadline);
    if (!last) return parsePubAck(answer.data, first.subject);
    // The other messages are sent only now: a stream that does not allow batches has already refused the first one.
    const refusal = refusalIn(answer.data, first.subject);
    if (refusal) throw refusal;
    for (const { subject, data, headers } of others)
      this.connection.wire.publish(subject, data, undefined, headers);
    const { data } = await this.request(last, delivery, deadline);
    return parsePubAck(data, last.subject);
  }

  private encode(messages: readonly BatchMessage[], operation?: RunningOperation): EncodedMessage[] {
    if (!isArray(messages) || messages.length === 0) {
      throw new InvalidArgumentError('messages', 'it must be an array with at least one message');
    }
    const id = nuid.next();
    // `map` of the array itself would skip holes.
    return Array.from(messages, (message: BatchMessage, i) => {
      this.check(checkBatchMessage(message), i);
      const protocol = {
        [PublishHeader.batchId]: id,
        [PublishHeader.batchSequence]: String(i + 1),
        ...(i === messages.length - 1 && { [PublishHeader.batchCommit]: '1' }),
      };
      return this.encoder.encode(message, { ...message, headers: protocol }, false, operation);
    });
  }

  private check({ expect, messageId }: BatchMessage, i: number): void {
    if (messageId !== undefined) this.connection.require('A message id in an atomic batch', '2.12.1');
    if (expect?.lastMessageId !== undefined) {
      throw new InvalidArgumentError(`messages[${i}].expect.lastMessageId`, 'it is not allowed in a batch');
    }
    if (i > 0 && expect?.lastSequence !== undefined) {
      throw new InvalidArgumentError(
        `messages[${i}].expect.lastSequence`,
        'it is only allowed for the first message of a batch',
      );
    }
  }

  /** "No responders" means that nothing was stored, so a first message can be sent again. */
  private async begin(message: EncodedMessage, delivery: Delivery, deadline: Deadline): Promise<Msg> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.request(message, delivery, deadline);
      } catch (error) {
        if (!(error instanceof NoRespondersError)) throw error;
        if (attempt > delivery.retryAttempts || deadline.left <= delivery.retryWait)
          throw new NoStreamResponseError(message.subject, attempt);
      }
      await this.pauses.wait(delivery.retryWait, delivery.signal);
    }
  }

  private async request(
    { subject, data, headers }: EncodedMessage,
    { timeout, signal }: Delivery,
    deadline: Deadline,
  ): Promise<Msg> {
    try {
      return await this.requests.request(subject, data, { headers, timeout: deadline.left, signal });
    } catch (error) {
      if (!(error instanceof RequestTimeoutError)) throw error;
      throw new PublishTimeoutError(subject, timeout, undefined, error.sent);
    }
  }
}
