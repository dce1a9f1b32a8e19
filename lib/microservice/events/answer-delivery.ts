import { Logger } from '@nestjs/common';
import type { MsgHdrs } from '@nats-io/transport-node';
import type { Codec } from '../../codecs/index.js';
import { headerSize, type JetStreamMessage } from '../../jetstream/index.js';
import { errorText as textOf, printable } from '../../reporting/index.js';
import type { Requests } from '../../requests/index.js';
import { Backoff, sleep, within } from '../../timing/index.js';
import { isReplyAllowed, numberFromPeer } from '../../validation/index.js';
import { encodePacket, RequestHeader, type ReplyPacket } from '../packets/index.js';
import { answerContent, errorText } from '../serving/index.js';

/** How long the caller may take to confirm an answer before it is sent again, in milliseconds. */
const CONFIRMATION = 2_000;
/** How long the request stays unsettled for the confirmation of its last answer, in milliseconds. */
const PATIENCE = 250;
/** The waits between attempts, in milliseconds. */
const RETRY = { first: 250, longest: 5_000 };
/** How long an answer is retried if the caller sent no valid timeout, in milliseconds. */
const DEFAULT_TIMEOUT = 30_000;
/** The maximum time that an answer is retried, regardless of the caller's timeout, in milliseconds. */
const LONGEST_TIMEOUT = 24 * 3_600_000;
/** The maximum number of answers in flight; if its caller is gone, an answer counts until its deadline. */
const MOST_UNDER_WAY = 10_000;
/** The longest reply subject that is sent with an answer: an inbox and a number. */
const LONGEST_INBOX = 'x'.repeat(128);

/** An answer as it is sent. */
interface EncodedAnswer {
  readonly payload: Uint8Array;
  readonly headers?: MsgHdrs | undefined;
}

/** The answers of one server to callers of durable requests that are in flight. */
export class AnswerDeliveries {
  readonly logger = new Logger('DurableRequests');
  private readonly stopping = new AbortController();
  private readonly underWay = new Set<Promise<void>>();

  constructor(
    readonly requests: Requests,
    readonly codec: Codec,
  ) {}

  get stopped(): AbortSignal {
    return this.stopping.signal;
  }

  /** Whether the limit of answers in flight is reached. */
  get isFull(): boolean {
    return this.underWay.size >= MOST_UNDER_WAY;
  }

  /** @param delivery never rejects */
  add(delivery: Promise<void>): void {
    this.underWay.add(delivery);
    void delivery.finally(() => this.underWay.delete(delivery));
  }

  /** Stops retrying answers; waits up to `timeout` milliseconds until the sent ones are confirmed. */
  async end(timeout: number): Promise<void> {
    this.stopping.abort();
    await within(timeout, Promise.all(this.underWay));
  }
}

/**
 * Delivers the answers to one durable request to its caller, in order, and repeats each until the caller has confirmed
 * it: caller, service and server may be reconnecting. It ends with the caller's deadline.
 */
export class AnswerDelivery {
  private readonly replyTo: string | undefined;
  private readonly deadline: number;
  private line: Promise<void> = Promise.resolve();
  private lost = false;

  constructor(
    private readonly deliveries: AnswerDeliveries,
    private readonly message: JetStreamMessage,
  ) {
    const { headers, metadata } = message;
    this.replyTo = this.allowed(headers?.get(RequestHeader.replyTo));
    const wanted = numberFromPeer(headers?.get(RequestHeader.timeout), { least: 1, most: LONGEST_TIMEOUT });
    this.deadline = metadata.timestamp.getTime() + (wanted ?? DEFAULT_TIMEOUT);
  }

  /** Sends one answer of several; resolves when the caller has confirmed it, or it is given up. It never rejects. */
  send(packet: ReplyPacket): Promise<void> {
    const { replyTo } = this;
    if (replyTo === undefined || this.lost) return this.line;
    const encoded = this.encode(packet);
    if (encoded === undefined) return this.line;
    if (this.deliveries.isFull) {
      this.giveUp('too many answers are in flight');
      return this.line;
    }
    this.line = this.line.then(() => this.deliver(replyTo, encoded));
    this.deliveries.add(this.line);
    return this.line;
  }

  /**
   * Sends the last answer; resolves when the caller has confirmed it, or after a short time while it is still retried.
   */
  async sendLast(packet: ReplyPacket): Promise<void> {
    await within(PATIENCE, this.send({ ...packet, isDisposed: true }));
  }

  /** The subject for the answer that the caller chose, if the service may publish to it. */
  private allowed(replyTo: string | undefined): string | undefined {
    if (!replyTo || isReplyAllowed(replyTo, LONGEST_INBOX)) return replyTo || undefined;
    this.deliveries.logger.warn(
      `A request on "${this.subject}" is handled but not answered: the service does not publish to "${printable(replyTo)}", ` +
        'the reply subject chosen by the caller. Reply subjects that begin with "$", contain wildcards or are too long are ' +
        'not allowed.',
    );
    return undefined;
  }

  private get subject(): string {
    return printable(this.message.subject);
  }

  private async deliver(replyTo: string, { payload, headers }: EncodedAnswer): Promise<void> {
    const { requests, stopped } = this.deliveries;
    const backoff = new Backoff(RETRY);
    while (!this.lost) {
      try {
        if (Date.now() >= this.deadline) return this.giveUp('the timeout of the caller has passed');
        await requests.request(replyTo, payload, { timeout: CONFIRMATION, idempotent: true, headers });
        return;
      } catch (error) {
        const wait = backoff.next();
        const closed = requests.connection.nc.isClosed();
        if (closed || stopped.aborted || Date.now() + wait >= this.deadline)
          return this.giveUp(textOf(error));
        await sleep(wait, stopped);
      }
    }
  }

  private giveUp(reason: string): void {
    if (this.lost) return;
    this.lost = true;
    this.deliveries.logger.warn(`The answer to a request on "${this.subject}" is no longer sent: ${reason}`);
  }

  private encode(packet: ReplyPacket): EncodedAnswer | undefined {
    const { codec, logger } = this.deliveries;
    const encoded = this.encoded(packet);
    if (typeof encoded !== 'string') return encoded;
    logger.error(`The answer to a request on "${this.subject}" ${encoded}`);
    const err = { status: 'error', message: `The answer ${encoded}` };
    const refusal = this.encoded({ err, isDisposed: true, id: packet.id });
    if (typeof refusal !== 'string') return refusal;
    logger.error(`No error is sent to the caller either: the error ${refusal} (codec ${codec.contentType})`);
    return undefined;
  }

  /** An encoded packet, or the reason why it cannot be sent. */
  private encoded(packet: ReplyPacket): EncodedAnswer | string {
    const { codec, requests } = this.deliveries;
    const { maxPayload } = requests.connection;
    let headers: MsgHdrs | undefined;
    let payload: Uint8Array;
    try {
      const content = answerContent(packet.response);
      ({ headers } = content);
      const isRecord = content.data !== packet.response;
      payload = encodePacket(codec, isRecord ? { ...packet, response: content.data } : packet);
    } catch (error) {
      return `cannot be encoded: ${errorText(error)}`;
    }
    const size = payload.length + (headers ? headerSize(headers) : 0);
    if (size > maxPayload) return `of ${size} bytes is larger than the server accepts (${maxPayload})`;
    return { payload, headers };
  }
}
