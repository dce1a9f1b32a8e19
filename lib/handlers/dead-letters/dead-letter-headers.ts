import { Buffer } from 'node:buffer';
import { headers, type MsgHdrs } from '@nats-io/transport-node';
import { isHeaderBlock } from '../../connection/index.js';
import { numberFromPeer } from '../../validation/index.js';

/** The stream that dead letters are kept in, and the first token of their subjects. */
export const DEAD_LETTER_STREAM = 'DEAD_LETTERS';
export const DEAD_LETTER_SUBJECT = 'dead-letters';

/** The headers that a dead letter adds to those of the original message. */
export const DEAD_LETTER_HEADERS = {
  /** The stream of the original message. */
  stream: 'Dead-Letter-Stream',
  /** The consumer that delivered it. */
  consumer: 'Dead-Letter-Consumer',
  /** The subject it was published to. */
  subject: 'Dead-Letter-Subject',
  /** Its sequence in its stream. */
  sequence: 'Dead-Letter-Sequence',
  /** When its stream stored it. */
  published: 'Dead-Letter-Published',
  /** How often it was delivered. */
  deliveries: 'Dead-Letter-Deliveries',
  /** Class and method of the handler. */
  handler: 'Dead-Letter-Handler',
  /** Why it was given up. */
  reason: 'Dead-Letter-Reason',
  /** The error of the last delivery; empty where nobody lived to tell. */
  error: 'Dead-Letter-Error',
  /** When it was given up. */
  time: 'Dead-Letter-Time',
} as const;

/** The header of a dead letter with the original's block of headers in base 64, if that cannot be kept as headers. */
export const RAW_HEADERS = 'Dead-Letter-Raw-Headers';

/** The header of a message that is published anew from a dead letter: the sequence of that. */
export const REPLAY_HEADER = 'Dead-Letter-Replay';

/** What the headers of a dead letter tell, as they tell it. */
export type DeadLetterDetails = Record<keyof typeof DEAD_LETTER_HEADERS, string>;

const DETAILS = Object.entries(DEAD_LETTER_HEADERS) as [keyof DeadLetterDetails, string][];
const DETAIL_HEADERS = new Set<string>([...Object.values(DEAD_LETTER_HEADERS), RAW_HEADERS]);
const NAME = /^[^\s.*>\p{Cc}]+$/u;
const SEQUENCES = { least: 1, most: Number.MAX_SAFE_INTEGER };
/** What is an instruction to the server in the original was carried out: it is kept, but under another name. */
const INSTRUCTION = 'Nats-';
const KEPT_INSTRUCTION = 'Dead-Letter-Nats-';
/** Words may be long, and a message is not to outgrow the server's limit by them. */
const LONGEST_WORDS = 1_000;

/**
 * The headers of a dead letter: those of the original, and the details.
 *
 * @param raw the original's block of headers as it travelled; it is kept if some of it cannot be written as a header
 */
export function toDeadLetterHeaders(
  original: MsgHdrs | undefined,
  details: DeadLetterDetails,
  raw?: Uint8Array,
): MsgHdrs {
  const result = headers();
  let complete = raw === undefined || isHeaderBlock(raw);
  for (const [key, values] of original ?? []) {
    const name = key.startsWith(INSTRUCTION) ? KEPT_INSTRUCTION + key.slice(INSTRUCTION.length) : key;
    for (const value of values) complete = append(result, name, value) && complete;
  }
  const reason = words(details.reason);
  const error = words(details.error);
  for (const [detail, header] of DETAILS) result.set(header, { ...details, reason, error }[detail]);
  result.delete(RAW_HEADERS);
  if (!complete && raw !== undefined) result.set(RAW_HEADERS, Buffer.from(raw).toString('base64'));
  return result;
}

/** Appends a header; false if its name or value cannot be written. */
function append(to: MsgHdrs, name: string, value: string): boolean {
  try {
    to.append(name, value);
    return true;
  } catch {
    return false;
  }
}

/**
 * The details of a dead letter; `undefined` if the headers are not those of a dead letter. Anybody who may publish to the
 * dead-letter stream can have written them.
 */
export function readDetails(from: MsgHdrs | undefined): DeadLetterDetails | undefined {
  if (!from) return undefined;
  const details = Object.fromEntries(
    DETAILS.map(([detail, header]) => [detail, from.get(header)]),
  ) as DeadLetterDetails;
  const { stream, consumer, sequence } = details;
  const possible =
    NAME.test(stream) && NAME.test(consumer) && numberFromPeer(sequence, SEQUENCES) !== undefined;
  return possible ? details : undefined;
}

/** The headers of the original message; without `instructions`, those that may be published again. */
export function originalHeaders(from: MsgHdrs, { instructions }: { instructions: boolean }): MsgHdrs {
  const result = headers();
  for (const [key, values] of from) {
    if (key.startsWith(INSTRUCTION) || DETAIL_HEADERS.has(key)) continue;
    const isInstruction = key.startsWith(KEPT_INSTRUCTION);
    if (isInstruction && !instructions) continue;
    const name = isInstruction ? INSTRUCTION + key.slice(KEPT_INSTRUCTION.length) : key;
    for (const value of values) append(result, name, value);
  }
  return result;
}

function words(text: string): string {
  return text.replace(/[\r\n]+/g, ' ').slice(0, LONGEST_WORDS);
}
