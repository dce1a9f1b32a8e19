import { Buffer } from 'node:buffer';
import { Logger } from '@nestjs/common';
import type { Msg } from '@nats-io/transport-node';
import { WireMessage } from '../../connection/index.js';
import { isFlowControlSubject } from '../../validation/index.js';
import { heldBackText, printable, ReportLimiter } from '../../reporting/index.js';
import { startsWith } from '../message/index.js';
import type { ReceivingFrom } from './receive-loop.js';

const NONE = Buffer.alloc(0);

/**
 * Distinguishes messages that a consumer delivered from messages that another client published to its deliver subject.
 *
 * The reply subject of a delivered message is an acknowledgement subject of that very consumer (ADR-15). All other
 * messages are ignored: publishing an acknowledgement to a reply subject that a peer has chosen would let the peer act
 * with the permissions of this client.
 */
export class DeliveredSubjects {
  private readonly logger = new Logger('Consumer');
  private readonly limiter = new ReportLimiter();
  /** The common prefix of the acknowledgement subjects, from the last message. */
  private prefix = NONE;

  constructor(private readonly from: ReceivingFrom) {}

  /**
   * Whether a message was delivered by the consumer. Reads the bytes of the subject without converting it to a string.
   */
  isDelivered(message: Msg): boolean {
    if (message instanceof WireMessage) return this.isAck(message.line, message.replyStart, message.replyEnd);
    const reply = Buffer.from(message.reply ?? '');
    return this.isAck(reply, 0, reply.length);
  }

  private isAck(line: Buffer, start: number, end: number): boolean {
    if (start === end) return false;
    if (this.prefix === NONE || !startsWith(line, start, this.prefix)) {
      const prefix = prefixOf(line.toString('utf8', start, end), this.from);
      if (prefix === undefined) return false;
      this.prefix = Buffer.from(prefix);
    }
    return hasFiveNumbers(line, start + this.prefix.length, end);
  }

  /**
   * Whether the server expects a flow-control reply of this consumer on the subject:
   * `$JS.FC.<stream>.<consumer>.<token>`, possibly with a domain and an account before the stream.
   */
  isFlowControl(subject: string): boolean {
    const { stream, consumer } = this.from;
    if (!isFlowControlSubject(subject)) return false;
    const tokens = subject.split('.');
    return [2, 4].some((at) => tokens[at] === stream && tokens[at + 1] === consumer);
  }

  /** Logs that a message is ignored, at most once a minute. */
  ignore(subject: string, reply: string | undefined): void {
    const heldBack = this.limiter.admit('ignored');
    if (heldBack === undefined) return;
    const { stream, consumer } = this.from;
    this.logger.warn(
      `Ignored a message on "${printable(subject)}" with the reply subject "${printable(reply ?? '')}": consumer "${consumer}" of ` +
        `stream "${stream}" did not deliver it. Publish to the stream, not to the subject that the consumer delivers to.` +
        heldBackText(heldBack),
    );
  }
}

/** `$JS.ACK.<stream>.<consumer>.` or `$JS.ACK.<domain>.<account>.<stream>.<consumer>.` */
function prefixOf(reply: string, { stream, consumer }: ReceivingFrom): string | undefined {
  const tokens = reply.split('.', 6);
  if (tokens[0] !== '$JS' || tokens[1] !== 'ACK') return undefined;
  if (tokens[2] === stream && tokens[3] === consumer) return `$JS.ACK.${stream}.${consumer}.`;
  if (tokens[4] !== stream || tokens[5] !== consumer) return undefined;
  return `${tokens.join('.')}.`;
}

const DOT = 46;
const ZERO = 48;
const NINE = 57;

/** Whether five numbers follow, and then the end or, in the form with a domain, one more token. */
function hasFiveNumbers(line: Buffer, start: number, end: number): boolean {
  let numbers = 0;
  let digits = 0;
  for (let i = start; i < end; i++) {
    const byte = line[i];
    if (byte >= ZERO && byte <= NINE) {
      digits++;
    } else if (byte === DOT && digits > 0) {
      if (++numbers === 5) return TOKEN.test(line.toString('utf8', i + 1, end));
      digits = 0;
    } else {
      return false;
    }
  }
  return numbers === 4 && digits > 0;
}

const TOKEN = /^[^\s.*>]+$/;
