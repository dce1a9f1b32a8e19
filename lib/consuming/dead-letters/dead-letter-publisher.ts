import { Logger } from '@nestjs/common';
import type { MsgHdrs } from '@nats-io/transport-node';
import { MessageNotFoundError, PayloadTooLargeError, PermissionDeniedError } from '../../errors/index.js';
import { OperationObserver } from '../../instruments/index.js';
import {
  headerSize,
  messageIdentity,
  type JetStreamMessage,
  type JetStreamService,
} from '../../jetstream/index.js';
import { errorClass, errorText } from '../../reporting/index.js';
import type { DeadLetterSink, SettlementPolicy, StoredDeadLetter } from '../settlement/index.js';
import {
  DEAD_LETTER_STREAM,
  DEAD_LETTER_SUBJECT,
  deadLetterHeaders,
  toDeadLetter,
  type DeadLetterDetails,
  type OriginalMessage,
} from './dead-letter-headers.js';
import { headersWithoutPayload, isTooLarge, LARGEST_HEADERS, lineSize } from './omitted-payload.js';

/** A message that could not be handled, and the details of its failure. */
export interface FailedMessage extends OriginalMessage {
  readonly stream: string;
  readonly consumer: string;
  readonly subject: string;
  readonly sequence: number;
  readonly published: Date;
  readonly deliveries: number;
  readonly handler: string;
  readonly reason: string;
  readonly error: string;
  /**
   * Whether the message has been acknowledged, or will be together with later messages, so that it cannot stay in its
   * stream.
   */
  readonly isAcknowledged: boolean;
  /** The message itself, if this process received it. */
  readonly delivery?: JetStreamMessage | undefined;
}

const NOTHING = new Uint8Array(0);
/** The maximum size that publishing adds to the headers of a dead letter, in bytes: its message id. */
const ROOM_FOR_PUBLISHING = 1_024;

/** Stores messages that cannot be handled in the dead-letter stream, each once. */
export class DeadLetterPublisher implements DeadLetterSink {
  private readonly logger = new Logger('DeadLetters');
  private readonly letters: OperationObserver;

  constructor(private readonly jetstream: JetStreamService) {
    const { instruments, name } = jetstream.connection;
    this.letters = new OperationObserver(instruments, { kind: 'dead-letter', connection: name });
  }

  publish(
    message: JetStreamMessage,
    policy: SettlementPolicy,
    reason: string,
    error: unknown,
  ): Promise<StoredDeadLetter> {
    const { stream, consumer, streamSequence, deliveryCount, timestamp } = message.metadata;
    return this.store({
      stream,
      consumer,
      subject: message.subject,
      sequence: streamSequence,
      published: timestamp,
      deliveries: deliveryCount,
      handler: policy.handler,
      reason,
      error: describe(error),
      data: message.data,
      headers: message.headers,
      rawHeaders: message.rawHeaders,
      isAcknowledged: message.settled || policy.ackMode === 'none' || message.outlet !== undefined,
      delivery: message,
    });
  }

  /**
   * Stores a dead letter; resolves when it is in the stream. A dead letter that is already there is not stored again.
   */
  store(failed: FailedMessage): Promise<StoredDeadLetter> {
    const { subject: target, reason, delivery } = failed;
    return this.letters.around({ target, reason, delivery }, () => this.storeNow(failed));
  }

  private async storeNow(failed: FailedMessage): Promise<StoredDeadLetter> {
    const { stream, consumer, sequence } = failed;
    const details = {
      ...failed,
      sequence: String(sequence),
      published: failed.published.toISOString(),
      deliveries: String(failed.deliveries),
      time: new Date().toISOString(),
    };
    const subject = `${DEAD_LETTER_SUBJECT}.${stream}.${consumer}`;
    // The id is the same for each message and consumer, regardless of the instance that stores the dead letter and of
    // the attempt.
    const messageId = `dead-letter.${stream}.${consumer}.${messageIdentity(sequence, failed.published)}`;
    try {
      const largest = this.jetstream.connection.maxPayload - ROOM_FOR_PUBLISHING;
      const { data, headers } = toDeadLetter(failed, details, largest);
      await this.publishOnce(subject, data, messageId, headers);
      return { needsOriginal: false };
    } catch (error) {
      if (!isTooLarge(error)) throw error;
      return this.storeWithoutPayload(failed, details, subject, messageId);
    }
  }

  /** @throws {@link PayloadTooLargeError} if not even the details fit */
  private async storeWithoutPayload(
    failed: FailedMessage,
    details: DeadLetterDetails,
    subject: string,
    messageId: string,
  ): Promise<StoredDeadLetter> {
    const { handler, stream, sequence, data, isAcknowledged } = failed;
    const source = await this.jetstream.stream(stream);
    const isRemoved = source.cachedInfo.config.retention !== 'limits';
    const largest =
      (await this.largestLetter()) - lineSize('Nats-Msg-Id', successorId(messageId, Number.MAX_SAFE_INTEGER));
    const headers = headersWithoutPayload(deadLetterHeaders(failed, details), data.length, largest);
    const size = headerSize(headers);
    if (size > largest) throw new PayloadTooLargeError(subject, size, largest);
    const isNew = await this.publishOnce(subject, NOTHING, messageId, headers);
    if (isNew) {
      this.logger.warn(
        `${handler}: a dead letter (stream ${stream}, sequence ${sequence}) was stored without its payload of ${data.length} bytes, ` +
          `which does not fit into one message with its headers. ${fateOfOriginal(isRemoved, isAcknowledged)}`,
      );
    }
    return { needsOriginal: isRemoved && !isAcknowledged };
  }

  /**
   * Publishes a dead letter unless the stream has it. The stream also remembers the ids of dead letters that have been
   * replayed or dropped: a message that fails again after that gets a new dead letter.
   *
   * @returns whether it was published
   */
  private async publishOnce(
    subject: string,
    data: Uint8Array,
    messageId: string,
    headers: MsgHdrs,
  ): Promise<boolean> {
    for (let id = messageId; ;) {
      const { duplicate, sequence } = await this.jetstream.publishUnchanged(subject, data, {
        messageId: id,
        headers,
      });
      if (!duplicate) return true;
      if (await this.isThere(sequence)) return false;
      id = successorId(messageId, sequence);
    }
  }

  private async isThere(sequence: number): Promise<boolean> {
    try {
      await (await this.jetstream.stream(DEAD_LETTER_STREAM)).getMessage(sequence);
      return true;
    } catch (error) {
      // A duplicate is better than a lost dead letter.
      if (error instanceof MessageNotFoundError || error instanceof PermissionDeniedError) return false;
      throw error;
    }
  }

  /** The maximum size of the headers of a dead letter, in bytes. */
  private async largestLetter(): Promise<number> {
    const { maxMessageSize = -1 } = (await this.jetstream.stream(DEAD_LETTER_STREAM)).cachedInfo.config;
    const ofStream = maxMessageSize > 0 ? maxMessageSize : Infinity;
    return Math.min(this.jetstream.connection.maxPayload, ofStream, LARGEST_HEADERS);
  }
}

/** The id of a dead letter whose predecessor was removed. */
function successorId(messageId: string, removed: number): string {
  return `${messageId}.${removed}`;
}

/** @param isRemoved whether the stream removes messages when they are acknowledged or terminated */
function fateOfOriginal(isRemoved: boolean, isAcknowledged: boolean): string {
  if (!isRemoved) return 'A replay reads the payload from the original stream.';
  return isAcknowledged
    ? 'The payload is lost, since the message is acknowledged and the stream removes it.'
    : 'The message stays in the stream, unacknowledged, until the dead letter is replayed or dropped.';
}

function describe(error: unknown): string {
  const name = errorClass(error);
  return name === undefined ? errorText(error) : `${name}: ${errorText(error)}`;
}
