import type { WritePacket } from '@nestjs/microservices';
import type { Msg, MsgHdrs } from '@nats-io/transport-node';
import type { Codec } from '../../codecs/index.js';
import { InvalidReplyError } from '../../errors/index.js';
import type { PublishOptions } from '../../jetstream/index.js';
import type { Outcome } from '../../requests/index.js';
import { isPubAck, isReplyPacket, RequestHeader, toHeaders, type ReplyPacket } from '../packets/index.js';
import type { TransportLink } from '../transport-link.js';

/** Receives what comes of a call; the last packet has `err` or `isDisposed`. */
export type CallHandler = (packet: WritePacket) => void;

/** How long a request without a deadline is kept after its cancellation, for the service to say that it is at it. */
const LONGEST_CANCELLATION = 30_000;

/** One request of a client, until its last answer. */
export class Call {
  private serial = -1;
  private durable = false;
  private state: 'open' | 'cancelled' | 'done' = 'open';
  /** The subject that calls the request off, once an answer has named it. */
  private control = '';

  constructor(
    private readonly link: TransportLink,
    private readonly subject: string,
    /** In milliseconds; `Infinity`: without end. */
    private readonly timeout: number,
    private readonly handler: CallHandler,
  ) {}

  /** Sends the request to whoever listens now. */
  send(data: Uint8Array, headers: MsgHdrs | undefined): void {
    const { timeout } = this;
    this.serial = this.link.requests.open(this.subject, data, { timeout, headers }, this.onReply);
  }

  /** Has a stream store the request; it is answered whenever a service has handled it. */
  store(data: Uint8Array, headers: MsgHdrs | undefined, options: PublishOptions): void {
    const { timeout } = this;
    const { requests, jetstream } = this.link;
    this.durable = true;
    this.serial = requests.expect(this.subject, { timeout }, this.onReply);
    if (this.state === 'done') return;
    const request: Record<string, string> = { [RequestHeader.replyTo]: requests.replySubject(this.serial) };
    if (Number.isFinite(timeout)) request[RequestHeader.timeout] = String(timeout);
    jetstream
      .publish(this.subject, data, {
        // Sent again after a reconnect it is stored once; so the work is not done twice for one call.
        idempotent: true,
        ...options,
        ...(Number.isFinite(timeout) ? { timeout } : {}),
        headers: toHeaders(headers, request),
      })
      .catch((error: unknown) => {
        this.giveUp();
        this.end({ err: error });
      });
  }

  /** Waits for no more answers, and has the service stop. A durable request is handled all the same. */
  cancel(): void {
    if (this.state !== 'open') return;
    if (this.control === '') {
      // The service may not have said yet where to call it off: it will, if it takes long. One that answers a durable
      // request waits for the caller's confirmation.
      this.state = 'cancelled';
      if (!Number.isFinite(this.timeout)) setTimeout(() => this.giveUp(), LONGEST_CANCELLATION).unref();
      return;
    }
    this.state = 'done';
    this.giveUp();
    this.callOff();
  }

  private readonly onReply = (...[error, reply]: Outcome): boolean => {
    if (this.durable && reply?.reply) this.link.nc.publish(reply.reply);
    if (this.state === 'cancelled') return this.afterCancel(reply);
    if (error) {
      this.callOff();
      return this.end({ err: error });
    }
    if (reply.data.length === 0) return this.receiveNotice(reply);
    let packet: ReplyPacket;
    try {
      packet = this.read(reply);
    } catch (cause) {
      return this.end({ err: cause });
    }
    const { err, response, isDisposed } = packet;
    if (isDisposed || err) return this.end({ err, response, isDisposed: true });
    if (packet === IGNORED) return true;
    this.learn(reply);
    this.handler({ response });
    return this.state === 'open';
  };

  private read(reply: Msg): ReplyPacket {
    let value: unknown;
    try {
      value = this.link.codec.decode(reply.data);
    } catch (cause) {
      throw new InvalidReplyError(this.subject, `it is not ${this.link.codec.contentType}`, { cause });
    }
    if (isReplyPacket(value)) return value;
    if (!this.durable && isPubAck(value)) return IGNORED;
    return { response: value, isDisposed: true };
  }

  /** Nothing but a reply subject: the service is at it, and can be told there to stop. */
  private receiveNotice(reply: Msg): boolean {
    const { headers } = reply;
    const code = headers?.get('Nats-Service-Error-Code');
    if (code) {
      return this.end({ err: { code: Number(code), message: headers?.get('Nats-Service-Error') ?? '' } });
    }
    if (!reply.reply || this.durable) {
      return this.end({ err: new InvalidReplyError(this.subject, 'it is empty') });
    }
    this.learn(reply);
    return true;
  }

  /** Returns whether something may still come that concerns the service. */
  private afterCancel(reply: Msg | undefined): boolean {
    if (reply && this.durable) return !isLast(this.link.codec, reply);
    if (reply) this.learn(reply);
    this.callOff();
    this.state = 'done';
    return false;
  }

  private giveUp(): void {
    this.link.requests.giveUp(this.serial);
  }

  private learn(reply: Msg): void {
    if (this.control === '' && !this.durable && reply.reply) this.control = reply.reply;
  }

  private callOff(): void {
    const { nc } = this.link;
    if (this.control !== '' && !nc.isClosed()) nc.publish(this.control);
  }

  private end(packet: WritePacket): false {
    if (this.state === 'open') {
      this.state = 'done';
      this.handler(packet);
    }
    return false;
  }
}

/** What is not meant for the caller. */
const IGNORED: ReplyPacket = {};

function isLast(codec: Codec, reply: Msg): boolean {
  try {
    const packet = codec.decode(reply.data);
    return !isReplyPacket(packet) || packet.isDisposed === true;
  } catch {
    return true;
  }
}
