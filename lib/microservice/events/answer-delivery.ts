import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { Codec } from '../../codecs/index.js';
import type { JetStreamMessage } from '../../jetstream/index.js';
import type { Requests } from '../../requests/index.js';
import { RequestHeader, type ReplyPacket } from '../packets/index.js';
import { errorText } from '../serving/index.js';

/** How long the caller may take to confirm an answer before it is sent again, in milliseconds. */
const CONFIRMATION = 2_000;
/** How long the request stays unsettled for its last answer's confirmation: a caller that is gone must hold up nobody. */
const PATIENCE = 250;
const FIRST_RETRY = 250;
const LONGEST_RETRY = 5_000;
/** How long answers are tried where the caller did not say how long it waits. */
const DEFAULT_TIMEOUT = 30_000;

/** The answers of one server that are on their way to callers of durable requests. */
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

  add(delivery: Promise<void>): void {
    this.underWay.add(delivery);
    void delivery.finally(() => this.underWay.delete(delivery));
  }

  /** Tries no answer again; waits until those that were sent are confirmed, up to `timeout` milliseconds. */
  async end(timeout: number): Promise<void> {
    this.stopping.abort();
    await atMost(timeout, Promise.all(this.underWay));
  }
}

/**
 * Brings the answers to one durable request to its caller, in order, each until the caller has confirmed it: caller,
 * service and server may each be reconnecting. It ends with the caller's deadline.
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
    const { headers } = message;
    this.replyTo = headers?.get(RequestHeader.replyTo) || undefined;
    const timeout = Number(headers?.get(RequestHeader.timeout) || DEFAULT_TIMEOUT);
    this.deadline = message.metadata.timestamp.getTime() + timeout;
  }

  /** Sends one answer of several; resolves when the caller has it, or it is given up. */
  send(packet: ReplyPacket): Promise<void> {
    const { replyTo } = this;
    if (replyTo === undefined) return this.line;
    const payload = this.encode(packet);
    this.line = this.line.then(() => this.deliver(replyTo, payload));
    this.deliveries.add(this.line);
    return this.line;
  }

  /** Sends the last answer; resolves when the caller has it, or after a moment, while it is still tried. */
  async sendLast(packet: ReplyPacket): Promise<void> {
    await atMost(PATIENCE, this.send({ ...packet, isDisposed: true }));
  }

  private async deliver(replyTo: string, payload: Uint8Array): Promise<void> {
    const { requests, stopped, logger } = this.deliveries;
    for (let wait = FIRST_RETRY; !this.lost; wait = Math.min(2 * wait, LONGEST_RETRY)) {
      try {
        if (Date.now() >= this.deadline) throw new Error('the caller waits no longer');
        await requests.request(replyTo, payload, { timeout: CONFIRMATION, idempotent: true });
        return;
      } catch (error) {
        this.lost = stopped.aborted || Date.now() + wait >= this.deadline;
        const { subject } = this.message;
        if (this.lost) logger.warn(`No answer to a request on "${subject}" any more: ${errorText(error)}`);
        else await delay(wait, undefined, { signal: stopped }).catch(() => undefined);
      }
    }
  }

  private encode(packet: ReplyPacket): Uint8Array {
    const { codec, requests, logger } = this.deliveries;
    const { maxPayload } = requests.connection;
    let problem: string;
    try {
      const payload = codec.encode(packet);
      if (payload.length <= maxPayload) return payload;
      problem = `of ${payload.length} bytes is larger than the server takes (${maxPayload})`;
    } catch (error) {
      problem = `cannot be encoded: ${errorText(error)}`;
    }
    logger.error(`The answer to a request on "${this.message.subject}" ${problem}`);
    const err = { status: 'error', message: `The answer ${problem}` };
    return codec.encode({ err, isDisposed: true, id: packet.id } satisfies ReplyPacket);
  }
}

/** Waits for something, but not longer than so many milliseconds. */
async function atMost(timeout: number, something: Promise<unknown>): Promise<void> {
  const waiting = new AbortController();
  const { signal } = waiting;
  await Promise.race([something, delay(timeout, undefined, { signal }).catch(() => undefined)]);
  waiting.abort();
}
