import { Buffer } from 'node:buffer';

/**
 * Whether the library may publish to a subject that a peer chose: the reply subject of a message, one that a header or
 * payload names, or one that was stored with a dead letter. The library publishes with the permissions of its own user,
 * which are often wider than those of the peer, so:
 *
 * - it must not begin with `$`: that is the JetStream API (`$JS.API.STREAM.DELETE.ORDERS`), the system account and
 *   buckets
 * - it must be a valid subject: tokens that are not empty, no wildcards, no white space or control characters
 * - together with `ours` it must fit into a line of the protocol; the server ends the connection if a line is longer
 *
 * A message published there must not be empty, because for many services an empty message is a command.
 *
 * @param ours the reply subject of the published message
 */
export function isReplyAllowed(subject: unknown, ours = ''): subject is string {
  if (typeof subject !== 'string') return false;
  // Almost all of them are client inboxes, which are accepted after a single expression.
  if (PLAIN.test(subject) && subject.length + ours.length <= SHORT) return true;
  return isSubject(subject) && fits(subject, ours);
}

/**
 * Whether a reply subject has the form of an acknowledgement subject. Only messages from a consumer's deliver
 * subscription may be answered there.
 */
export function isAckSubject(subject: string): boolean {
  return ACK.test(subject) && fits(subject, '');
}

/** Whether a reply subject has the form of a push consumer's flow-control subject. See {@link isAckSubject}. */
export function isFlowControlSubject(subject: string): boolean {
  return FLOW_CONTROL.test(subject) && fits(subject, '');
}

/** Tokens of printable ASCII, without `$` at the beginning and without `*` and `>`. */
const PLAIN = /^(?!\$)[!-)+\-/-=?-~]+(?:\.[!-)+\-/-=?-~]+)*$/;
/** `$JS.ACK.<stream>.<consumer>.<five numbers>`; since nats-server 2.11 also with domain and account in front. */
const ACK =
  /^\$JS\.ACK\.[^\s.*>\p{Cc}]+\.[^\s.*>\p{Cc}]+(?:\.[^\s.*>\p{Cc}]+){0,2}(?:\.\d+){5}(?:\.[^\s.*>\p{Cc}]+)?$/u;
/** `$JS.FC.<stream>.<consumer>.<id>`, possibly preceded by domain and account. */
const FLOW_CONTROL = /^\$JS\.FC(?:\.[^\s.*>\p{Cc}]+){3,5}$/u;
/** White space and control characters, which end a subject or a line of the protocol. */
const BLANK = /[\s\p{Cc}]/u;
/** The default limit of servers for a protocol line (`max_control_line`), in bytes. */
const LONGEST_LINE = 4_096;
/** The size of a line without the subjects: the verb, blanks and sizes. */
const REST = 32;
/** Text of this length always fits, regardless of its characters. */
const SHORT = Math.floor((LONGEST_LINE - REST) / 3);

function isSubject(subject: string): boolean {
  if (subject.startsWith('$') || subject.length > LONGEST_LINE || BLANK.test(subject)) return false;
  return subject.split('.').every((token) => token !== '' && token !== '*' && token !== '>');
}

function fits(subject: string, ours: string): boolean {
  return Buffer.byteLength(subject) + Buffer.byteLength(ours) + REST <= LONGEST_LINE;
}
