import type { WritePacket } from '@nestjs/microservices';
import type { Msg, MsgHdrs } from '@nats-io/transport-node';
import { decodeValue } from '../../codecs/index.js';
import { hasValidHeaders } from '../../connection/index.js';
import { DuplicateRequestError, InvalidReplyError, RequestTimeoutError } from '../../errors/index.js';
import type { RunningOperation } from '../../instruments/index.js';
import type { PubAck, PublishOptions } from '../../jetstream/index.js';
import type { RepliesHandler } from '../../requests/index.js';
import { numberFromPeer } from '../../validation/index.js';
import {
  CONFIRMATION,
  isNotice,
  isPubAck,
  isReplyPacket,
  RequestHeader,
  toHeaders,
  type ReplyPacket,
} from '../packets/index.js';
import type { TransportLink } from '../transport-link.js';

/** Receives the answers to a call; the last packet has `err` or `isDisposed`. */
export type CallHandler = (packet: WritePacket) => void;

/** The largest error code that is accepted from a service. */
const LARGEST_CODE = 999_999;
/** The maximum length of the error text that is accepted from a service, in characters. */
const LONGEST_TEXT = 4_000;

/** One request of a client, until its last answer. */
export class Call {
  private serial = -1;
  private durable = false;
  /** When a durable request was published, and the number of reconnects before it. */
  private published: { readonly at: number; readonly reconnects: number } | undefined;
  private state: 'open' | 'done' = 'open';
  /** The stream that stored a core request because it listens on the same subject. */
  private storedBy: string | undefined;
  /** The control subjects for cancelling the request: one for each service that has sent one. */
  private controls: Set<string> | undefined;

  constructor(
    private readonly link: TransportLink,
    private readonly subject: string,
    /** In milliseconds; `Infinity`: no limit. */
    private readonly timeout: number,
    private readonly handler: CallHandler,
    private readonly operation?: RunningOperation,
  ) {}

  /** Sends the request to the services that are currently subscribed. */
  send(data: Uint8Array, headers: MsgHdrs | undefined): void {
    const { timeout } = this;
    this.serial = this.link.requests.open(this.subject, data, { timeout, headers }, this.onReply);
  }

  /** Publishes the request to a stream; it is answered when a service has handled it. */
  store(data: Uint8Array, headers: MsgHdrs | undefined, options: PublishOptions): void {
    const { timeout } = this;
    const { requests, jetstream } = this.link;
    this.durable = true;
    this.serial = requests.expect(this.subject, { timeout }, this.onReply);
    if (this.state === 'done') return;
    this.published = { at: performance.now(), reconnects: this.link.reconnects };
    const replyTo = requests.replySubject(this.serial);
    const request: Record<string, string> = { [RequestHeader.replyTo]: replyTo };
    if (Number.isFinite(timeout)) request[RequestHeader.timeout] = String(Math.ceil(timeout));
    const publish = (): Promise<PubAck> =>
      jetstream.publish(this.subject, data, {
        ...options,
        // A request that is sent again after a reconnect is stored once, so that the work is not done twice for one
        // call.
        idempotent: options.idempotent ?? true,
        timeout: Number.isFinite(timeout) ? timeout : undefined,
        headers: toHeaders(headers, request),
      });
    (this.operation?.run(publish) ?? publish())
      .then((ack) => this.refuseDuplicate(ack, replyTo, options.messageId))
      .catch((error: unknown) => {
        this.giveUp();
        this.end({ err: error });
      });
  }

  /** Stops waiting for answers, and makes the services stop. A durable request is still handled. */
  cancel(): void {
    if (this.state !== 'open') return;
    this.state = 'done';
    this.operation?.end();
    this.giveUp();
    // A service that has not sent its control subject yet sends it when the call takes long, and is then told to stop
    // (TransportLink).
    this.callOff();
  }

  private readonly onReply: RepliesHandler = (error, reply) => {
    if (error) {
      this.callOff();
      return this.end({ err: this.explain(error) });
    }
    if (this.durable) this.link.answerPeer(reply.reply, CONFIRMATION);
    else if (reply.reply) (this.controls ??= new Set()).add(reply.reply);
    const failure = serviceError(reply);
    if (failure) return this.finish({ err: failure });
    let packet: ReplyPacket;
    try {
      packet = this.read(reply);
    } catch (cause) {
      return this.finish({ err: cause });
    }
    const { err, response, isDisposed } = packet;
    if (isDisposed || err) return this.finish({ err, response, isDisposed: true });
    if (packet === IGNORED || isNotice(packet)) return true;
    this.handler({ response });
    return this.state === 'open';
  };

  private explain(error: Error): Error {
    const { storedBy } = this;
    if (storedBy === undefined || !(error instanceof RequestTimeoutError)) return error;
    return new RequestTimeoutError(error.subject, error.timeout, error.sent, storedBy);
  }

  private read(reply: Msg): ReplyPacket {
    if (!hasValidHeaders(reply))
      throw new InvalidReplyError(this.subject, 'its header block does not begin with NATS/1.0');
    if (reply.data.length === 0) throw new InvalidReplyError(this.subject, 'it is empty');
    let value: unknown;
    try {
      value = decodeValue(this.link.codec, reply.data);
    } catch (cause) {
      throw new InvalidReplyError(this.subject, `it is not ${this.link.codec.contentType}`, { cause });
    }
    if (isReplyPacket(value)) return value;
    if (!this.durable && isPubAck(value)) {
      this.storedBy = value.stream;
      return IGNORED;
    }
    return { response: value, isDisposed: true };
  }

  /**
   * A stream that already has the message id did not store the request, so there would be no answer. The id may exist
   * because this request was sent twice, around a lost link: then the stored message belongs to this call.
   */
  private async refuseDuplicate(ack: PubAck, replyTo: string, messageId: string | undefined): Promise<void> {
    if (!ack.duplicate || messageId === undefined || this.state === 'done') return;
    if (!this.wasPublishedOnce && (await this.mayBeStoredFor(ack, replyTo))) return;
    throw new DuplicateRequestError(this.subject, messageId, ack.stream, ack.sequence);
  }

  /** A message with an id is published again after a reconnect, and at half of its timeout. */
  private get wasPublishedOnce(): boolean {
    const { jetstream, reconnects } = this.link;
    const standard = jetstream.options.publish?.timeout ?? jetstream.connection.timeout;
    const timeout = Number.isFinite(this.timeout) ? this.timeout : standard;
    if (this.published?.reconnects !== reconnects) return false;
    return performance.now() - this.published.at < timeout / 2;
  }

  /** Whether the stored message belongs to this call; this is unknown if it was handled and removed in the meantime. */
  private async mayBeStoredFor({ stream, sequence }: PubAck, replyTo: string): Promise<boolean> {
    try {
      const stored = await (await this.link.jetstream.stream(stream)).getMessage(sequence);
      return stored.headers?.get(RequestHeader.replyTo) === replyTo;
    } catch {
      // The call continues until its deadline, as it would without reading the stream.
      return true;
    }
  }

  private giveUp(): void {
    this.link.requests.giveUp(this.serial);
  }

  private callOff(): void {
    if (this.controls === undefined) return;
    for (const control of this.controls) this.link.callOff(control);
    this.controls = undefined;
  }

  /** Called when the call has its last answer. Services that are still working receive a request to stop. */
  private finish(packet: WritePacket): false {
    this.callOff();
    return this.end(packet);
  }

  private end(packet: WritePacket): false {
    if (this.state === 'open') {
      this.state = 'done';
      this.operation?.end({ error: packet.err as unknown });
      this.handler(packet);
    }
    return false;
  }
}

/** For packets that are not meant for the caller. */
const IGNORED: ReplyPacket = {};

/** The error of a service that does not use Nest (ADR-32), if an answer is one. */
function serviceError({ headers }: Msg): { readonly code: unknown; readonly message: string } | undefined {
  const code = headers?.get('Nats-Service-Error-Code');
  if (!code) return undefined;
  return {
    code: numberFromPeer(code, { least: 0, most: LARGEST_CODE }) ?? code.slice(0, LONGEST_TEXT),
    message: (headers?.get('Nats-Service-Error') ?? '').slice(0, LONGEST_TEXT),
  };
}
