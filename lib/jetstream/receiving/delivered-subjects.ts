import { Logger } from '@nestjs/common';
import { heldBackText, printable, ReportLimiter } from '../../reporting/index.js';
import type { ReceivingFrom } from './receive-loop.js';

/**
 * Tells what a consumer delivered from what somebody else published to the subject that it delivers to.
 *
 * The reply subject of a delivered message is an acknowledgement subject of that very consumer (ADR-15). Everything else is
 * ignored: publishing an acknowledgement to a reply subject that a peer has chosen would let the peer act with the permissions
 * of this client.
 */
export class DeliveredSubjects {
  private readonly logger = new Logger('Consumer');
  private readonly limiter = new ReportLimiter();
  /** What the acknowledgement subjects have in common, as in the last message. */
  private prefix = '';

  constructor(private readonly from: ReceivingFrom) {}

  /** Whether a message with this reply subject was delivered by the consumer. */
  isDelivered(reply: string | undefined): boolean {
    if (!reply) return false;
    if (this.prefix === '' || !reply.startsWith(this.prefix)) {
      const prefix = prefixOf(reply, this.from);
      if (prefix === undefined) return false;
      this.prefix = prefix;
    }
    return hasFiveNumbers(reply, this.prefix.length);
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

/** Whether a subject is one that the server expects a flow-control reply on. */
export function isFlowControlSubject(subject: string): boolean {
  return FLOW_CONTROL.test(subject);
}

/** `$JS.FC.<stream>.<consumer>.<token>`, perhaps with a domain and an account before the stream. */
const FLOW_CONTROL = /^\$JS\.FC(\.[^\s.*>]+){3,6}$/;

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
function hasFiveNumbers(reply: string, start: number): boolean {
  let numbers = 0;
  let digits = 0;
  for (let i = start; i < reply.length; i++) {
    const code = reply.charCodeAt(i);
    if (code >= ZERO && code <= NINE) {
      digits++;
    } else if (code === DOT && digits > 0) {
      if (++numbers === 5) return TOKEN.test(reply.slice(i + 1));
      digits = 0;
    } else {
      return false;
    }
  }
  return numbers === 4 && digits > 0;
}

const TOKEN = /^[^\s.*>]+$/;
