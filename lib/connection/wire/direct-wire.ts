import { Buffer } from 'node:buffer';
import type { Msg, MsgHdrs, NatsConnection, Subscription, SubscriptionImpl } from '@nats-io/transport-node';
import { callbackThroughClient, publishOptions, subscriptionOptions } from './client-options.js';
import { checkSubjects, isDialing } from './dialing.js';
import { checkLineLength } from './line-length.js';
import type { LinkProtocol } from './link-protocol.js';
import { encodeHeaders } from './message-headers.js';
import { LARGE, type OutgoingBytes } from './outgoing-bytes.js';
import { WireMessage } from './wire-message.js';
import type { SharedWire, WireSubscriber, WireSubscriptionOptions } from './wire.js';

/** Subjects that can be written as they are: printable ASCII. */
const PLAIN = /^[!-~]+$/;

/**
 * The wire over links of this library: messages for its subscriptions bypass the client, and messages are sent to the
 * socket without it. The client costs several times as much as a handler: its parser is a state machine that processes
 * every byte, and it creates several arrays for each message that it sends.
 *
 * Messages for other subscriptions of the same connection are passed to the client. Both send through one queue, so the
 * order of messages is preserved.
 */
export class DirectWire implements SharedWire {
  private plainSubject: string | undefined;

  constructor(
    private readonly nc: NatsConnection,
    private readonly protocol: LinkProtocol,
  ) {}

  publish(subject: string, data: Uint8Array | string, reply = '', headers?: MsgHdrs, alone = false): void {
    checkLineLength(subject, reply);
    const { protocol } = this;
    const block = headers && encodeHeaders(headers);
    const size = typeof data === 'string' ? Buffer.byteLength(data) : data.length;
    const length = size + (block?.length ?? 0);
    const plain = this.isPlain(subject) && (reply === '' || PLAIN.test(reply));
    const outgoing = plain ? this.outgoing(length) : undefined;
    if (!outgoing) {
      // The client handles a missing link, and rejects invalid arguments.
      if (isDialing(this.nc)) return checkSubjects(subject, reply);
      return this.nc.publish(subject, data, publishOptions(reply, headers));
    }
    protocol.outMsgs++;
    protocol.outBytes += length;
    const to = reply === '' ? subject : `${subject} ${reply}`;
    const head = block ? `HPUB ${to} ${block.length} ${length}\r\n` : `PUB ${to} ${length}\r\n`;
    // A single text is cheaper than several pieces of bytes, if it does not have to be converted or is written
    // immediately.
    const ascii = typeof data === 'string' && data.length === size;
    if (length < LARGE && (alone || (ascii && !block))) {
      const body = ascii ? data : latin1Of(bytesOf(data));
      outgoing.addText(`${head}${block ? latin1Of(block) : ''}${body}\r\n`, alone);
    } else {
      outgoing.add(head, block, bytesOf(data));
    }
  }

  answer(message: Msg, text: string): void {
    const outgoing = message instanceof WireMessage ? this.outgoing(text.length) : undefined;
    if (outgoing && message instanceof WireMessage) {
      const { protocol } = this;
      const { line, replyStart, replyEnd } = message;
      if (outgoing.addAnswer(line, replyStart, replyEnd, text)) {
        protocol.outMsgs++;
        protocol.outBytes += text.length;
        return;
      }
    }
    this.publish(message.reply ?? '', text);
  }

  subscribe(subject: string, options: WireSubscriptionOptions, subscriber: WireSubscriber): Subscription {
    const { queue, callback } = options;
    checkLineLength(subject, queue);
    // The client uses this callback only for errors: messages bypass it.
    const throughClient = callbackThroughClient(subject, callback, subscriber);
    const { nc, protocol } = this;
    const subscription = nc.subscribe(subject, subscriptionOptions(queue, throughClient)) as SubscriptionImpl;
    const { sid } = subscription;
    protocol.receivers.add(sid, { subscription, callback, publisher: subscriber });
    void subscription.closed.then(() => protocol.receivers.remove(sid));
    return subscription;
  }

  abandon(): void {
    this.protocol.link?.destroy();
  }

  /** Consecutive messages often have the same subject. */
  private isPlain(subject: string): boolean {
    if (subject === this.plainSubject) return true;
    if (!PLAIN.test(subject)) return false;
    this.plainSubject = subject;
    return true;
  }

  /** The queue for a message of this length; `undefined` if it cannot be sent now. */
  private outgoing(length: number): OutgoingBytes | undefined {
    const { protocol } = this;
    const { info, link, outbound } = protocol;
    if (!protocol.connected || !link || protocol.noMorePublishing || protocol.isClosed()) return undefined;
    if (info === undefined || length > info.max_payload) return undefined;
    // Data from the client that was queued earlier, in particular subscriptions, is sent first.
    if (outbound.length() > 0) link.send(outbound.drain());
    return link.outgoing;
  }
}

function bytesOf(data: Uint8Array | string): Uint8Array {
  return typeof data === 'string' ? Buffer.from(data) : data;
}

/** Text with one character for each byte. */
function latin1Of(bytes: Uint8Array): string {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return buffer.toString('latin1');
}
