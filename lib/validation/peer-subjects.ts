import { Buffer } from 'node:buffer';

/**
 * Whether the library may publish to a subject that a peer chose: the reply subject of a message, one that a header or
 * payload names, or one that was stored with a dead letter. The library publishes with the rights of its own user, which
 * are often wider than those of the peer, so:
 *
 * - it must not begin with `$`: that is the JetStream API (`$JS.API.STREAM.DELETE.ORDERS`), the system account and buckets
 * - it must be a subject: tokens that are not empty, no wildcards, no white space or control characters
 * - together with `ours` it must fit into a line of the protocol; the server ends the connection for a longer one
 *
 * What is published there must not be empty, since an empty message is a command of many services.
 *
 * @param ours the reply subject that goes with the message
 */
export function isReplyAllowed(subject: unknown, ours = ''): subject is string {
  if (typeof subject !== 'string') return false;
  // Nearly all are the inbox of a client, and are checked with one expression.
  if (PLAIN.test(subject) && subject.length + ours.length <= SHORT) return true;
  return isSubject(subject) && fits(subject, ours);
}

/**
 * Whether a reply subject has the form in which a server asks for an acknowledgement. Only messages of a subscription that a
 * consumer delivers to may be answered there.
 */
export function isAckSubject(subject: string): boolean {
  return ACK.test(subject) && fits(subject, '');
}

/** Whether a reply subject has the form in which a push consumer asks for flow control. See {@link isAckSubject}. */
export function isFlowControlSubject(subject: string): boolean {
  return FLOW_CONTROL.test(subject) && fits(subject, '');
}

/** Tokens of printable ASCII, without `$` at the beginning and without `*` and `>`. */
const PLAIN = /^(?!\$)[!-)+\-/-=?-~]+(?:\.[!-)+\-/-=?-~]+)*$/;
/** `$JS.ACK.<stream>.<consumer>.<five numbers>`; since nats-server 2.11 also with domain and account in front. */
const ACK =
  /^\$JS\.ACK\.[^\s.*>\p{Cc}]+\.[^\s.*>\p{Cc}]+(?:\.[^\s.*>\p{Cc}]+){0,2}(?:\.\d+){5}(?:\.[^\s.*>\p{Cc}]+)?$/u;
/** `$JS.FC.<stream>.<consumer>.<id>`, perhaps with domain and account in front. */
const FLOW_CONTROL = /^\$JS\.FC(?:\.[^\s.*>\p{Cc}]+){3,5}$/u;
/** White space and control characters, which end a subject or a line of the protocol. */
const BLANK = /[\s\p{Cc}]/u;
/** What servers take in a line of the protocol by default (`max_control_line`), in bytes. */
const LONGEST_LINE = 4_096;
/** What stands in a line besides the subjects: the verb, blanks and sizes. */
const REST = 32;
/** Text of so few characters fits, whatever characters they are. */
const SHORT = Math.floor((LONGEST_LINE - REST) / 3);

function isSubject(subject: string): boolean {
  if (subject.startsWith('$') || subject.length > LONGEST_LINE || BLANK.test(subject)) return false;
  return subject.split('.').every((token) => token !== '' && token !== '*' && token !== '>');
}

function fits(subject: string, ours: string): boolean {
  return Buffer.byteLength(subject) + Buffer.byteLength(ours) + REST <= LONGEST_LINE;
}
