import { Buffer } from 'node:buffer';
import { Logger } from '@nestjs/common';
import type { Msg, MsgHdrs, NatsConnection, Subscription } from '@nats-io/transport-node';
import { errorText, heldBackText, ReportLimiter, toError } from '../../reporting/index.js';
import {
  encodeHeaders,
  type ChunkParser,
  type ClientParser,
  type ClientProtocol,
  type ClientSubscription,
} from './client-protocol.js';
import { callbackThroughClient, publishOptions, subscriptionOptions } from './client-options.js';
import { checkSubjects, isDialing } from './dialing.js';
import type { Fence } from './fence.js';
import { GuardedParser } from './guarded-parser.js';
import { takeIncomingBytes } from './incoming-bytes.js';
import { checkLineLength } from './line-length.js';
import { MessageParser } from './message-parser.js';
import { LARGE, OutgoingBytes } from './outgoing-bytes.js';
import { Receivers } from './receivers.js';
import { WireMessage } from './wire-message.js';
import type { SharedWire, WireSubscriber, WireSubscriptionOptions } from './wire.js';

/** What a subject may consist of to be written as it is: printable ASCII. */
const PLAIN = /^[!-~]+$/;

/**
 * The wire on the client's own link. The client connects, authenticates, reconnects and keeps the subscriptions; what
 * comes and goes in numbers (messages) takes a shorter way between the socket and this library, since the client's
 * costs several times what a handler does: it looks at every byte with a state machine, and makes several arrays for each
 * message that it sends.
 *
 * Messages for subscriptions of others on the same connection are handed to the client, and what the client sends stays in
 * order with what is sent here: whichever writes, the earlier of the two is written first.
 */
export class DirectWire implements SharedWire {
  private readonly logger = new Logger('NatsConnection');
  private readonly limiter = new ReportLimiter();
  private readonly outgoing: OutgoingBytes;
  private readonly receivers: Receivers;
  private plainSubject: string | undefined;

  constructor(
    private readonly nc: NatsConnection,
    private readonly protocol: ClientProtocol,
    private readonly fence: Fence,
  ) {
    this.outgoing = new OutgoingBytes(protocol);
    const flushClient = protocol.flushPending.bind(protocol);
    protocol.flushPending = () => {
      this.outgoing.flush();
      flushClient();
    };
    this.receivers = new Receivers(protocol, fence);
    this.attach();
  }

  publish(subject: string, data: Uint8Array | string, reply = '', headers?: MsgHdrs, alone = false): void {
    checkLineLength(subject, reply);
    const { protocol, outgoing } = this;
    const block = headers && encodeHeaders(headers);
    const size = typeof data === 'string' ? Buffer.byteLength(data) : data.length;
    const length = size + (block?.length ?? 0);
    const plain = this.isPlain(subject) && (reply === '' || PLAIN.test(reply));
    if (!plain || !this.writable(length)) {
      // The client knows what to do where there is no link, and what is wrong with the rest.
      outgoing.flush();
      if (isDialing(this.nc)) return checkSubjects(subject, reply);
      return this.nc.publish(subject, data, publishOptions(reply, headers));
    }
    // What the client was told before, and subscriptions above all, comes first.
    if (protocol.outbound.length() > 0) protocol.flushPending();
    protocol.outMsgs++;
    protocol.outBytes += length;
    const to = reply === '' ? subject : `${subject} ${reply}`;
    const head = block ? `HPUB ${to} ${block.length} ${length}\r\n` : `PUB ${to} ${length}\r\n`;
    // One text costs less than several pieces of bytes, where it need not be made of them or is written at once.
    const ascii = typeof data === 'string' && data.length === size;
    if (length < LARGE && (alone || (ascii && !block))) {
      const body = ascii ? data : latin1Of(bytesOf(data));
      outgoing.addText(`${head}${block ? latin1Of(block) : ''}${body}\r\n`, alone);
    } else {
      outgoing.add(head, block, bytesOf(data));
    }
  }

  answer(message: Msg, text: string): void {
    const { protocol, outgoing } = this;
    if (message instanceof WireMessage && this.writable(text.length)) {
      if (protocol.outbound.length() > 0) protocol.flushPending();
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
    // The client calls back with errors only: messages come past it.
    const throughClient = callbackThroughClient(subject, callback, subscriber);
    const subscription = this.fence.subscribe(subject, subscriptionOptions(queue, throughClient));
    const sid = subscription.getID();
    this.receivers.add(sid, {
      subscription: subscription as unknown as ClientSubscription,
      callback,
      publisher: subscriber,
    });
    void subscription.closed.then(() => this.receivers.remove(sid));
    return subscription;
  }

  abandon(): void {
    this.protocol.transport.socket?.destroy();
  }

  reconnected(): void {
    this.attach();
  }

  /** Most subjects are that of the message before. */
  private isPlain(subject: string): boolean {
    if (subject === this.plainSubject) return true;
    if (!PLAIN.test(subject)) return false;
    this.plainSubject = subject;
    return true;
  }

  private writable(length: number): boolean {
    const { protocol } = this;
    if (!protocol.connected || protocol.noMorePublishing || protocol.isClosed()) return false;
    return protocol.info !== undefined && length <= protocol.info.max_payload;
  }

  /** The client makes a new parser for each link. */
  private attach(): void {
    const { parser } = this.protocol;
    if (!isClientParser(parser)) return;
    this.protocol.parser = new GuardedParser(new MessageParser(parser, this.receivers), this.endLink);
    // By then the client has parsed what it had read.
    setImmediate(() => this.readDirectly(this.protocol.parser));
  }

  /** Parses chunks where the socket has them: the client would wake an iterator with several promises for each. */
  private readDirectly(parser: ChunkParser): void {
    const { transport } = this.protocol;
    const { socket } = transport;
    if (transport.isClosed || socket === undefined || parser !== this.protocol.parser) return;
    const [listener, ...others] = socket.listeners('data') as ((chunk: Uint8Array) => void)[];
    if (listener === undefined || others.length > 0 || transport.yields.length > 0) return;
    takeIncomingBytes(socket, (chunk) => parser.parse(chunk));
    socket.off('data', listener);
  }

  /** The client then connects again, unless it was told not to. */
  private readonly endLink = (thrown: unknown): void => {
    const heldBack = this.limiter.admit('unreadable');
    if (heldBack !== undefined) {
      this.logger.error(
        `The server sent bytes that cannot be parsed, so the link to it is closed${heldBackText(heldBack)}. ` +
          `Check what stands between client and server: ${errorText(thrown)}`,
      );
    }
    this.protocol.transport.socket?.destroy(toError(thrown));
  };
}

function bytesOf(data: Uint8Array | string): Uint8Array {
  return typeof data === 'string' ? Buffer.from(data) : data;
}

/** Text with a character for each byte. */
function latin1Of(bytes: Uint8Array): string {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return buffer.toString('latin1');
}

function isClientParser(parser: object): parser is ClientParser {
  return typeof (parser as Partial<ClientParser>).state === 'number';
}
