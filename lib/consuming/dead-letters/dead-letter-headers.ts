import { Buffer } from 'node:buffer';
import type { MsgHdrs } from '@nats-io/transport-node';
import { isHeaderBlock, MessageHeaders } from '../../connection/index.js';
import { headerSize } from '../../jetstream/index.js';
import { isHeaderName, numberFromPeer } from '../../validation/index.js';

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

/**
 * The header of a dead letter with the length of the original's block of headers, which then stands in front of the payload: a
 * block so large that it does not fit together with the details into the headers that JetStream takes.
 */
export const HEADERS_LENGTH = 'Dead-Letter-Headers-Length';

/** The header of a dead letter without its payload, which did not fit: the size of that, in bytes. */
export const OMITTED_PAYLOAD_HEADER = 'Dead-Letter-Omitted-Payload';

/** The header of a message that is published anew from a dead letter: the sequence of that. */
export const REPLAY_HEADER = 'Dead-Letter-Replay';

/** What the headers of a dead letter tell, as they tell it. */
export type DeadLetterDetails = Record<keyof typeof DEAD_LETTER_HEADERS, string>;

const DETAILS = Object.entries(DEAD_LETTER_HEADERS) as [keyof DeadLetterDetails, string][];
const OWN_HEADERS = new Set<string>([
  ...Object.values(DEAD_LETTER_HEADERS),
  RAW_HEADERS,
  HEADERS_LENGTH,
  OMITTED_PAYLOAD_HEADER,
]);
const NAME = /^[^\s.*>\p{Cc}]+$/u;
const SEQUENCES = { least: 1, most: Number.MAX_SAFE_INTEGER };
/** What is an instruction to the server in the original was carried out: it is kept, but under another name. */
const INSTRUCTION = 'Nats-';
const KEPT_INSTRUCTION = 'Dead-Letter-Nats-';
/** Stands in front of the name of a header that has, in the original, a name which means something in a dead letter. */
const KEPT = 'Dead-Letter-Original-';
/** Words may be long, and a message is not to outgrow the server's limit by them. */
const LONGEST_WORDS = 1_000;
/** The largest block of headers of a dead letter, in bytes: JetStream takes 65,535, and publishing adds some. */
const LARGEST_BLOCK = 60_000;

/** A message that is kept as a dead letter. */
export interface OriginalMessage {
  readonly data: Uint8Array;
  readonly headers: MsgHdrs | undefined;
  /** The block of headers as it travelled, if it is known. */
  readonly rawHeaders?: Uint8Array | undefined;
}

/** What a dead letter is stored as. */
export interface DeadLetterContent {
  readonly data: Uint8Array;
  readonly headers: MsgHdrs;
}

/**
 * Makes a dead letter: the original message and the details. Nothing of the original is lost:
 *
 * - its headers are headers of the dead letter, some of them under another name
 * - its block of headers is kept in base 64 in addition, if it is not the one that these headers make, or has names that no
 *   client writes
 * - the block stands in front of the payload, if the headers would become too large
 *
 * @param largest what the server takes of headers and payload together, in bytes
 */
export function toDeadLetter(
  { data, headers: given, rawHeaders }: OriginalMessage,
  details: DeadLetterDetails,
  largest: number,
): DeadLetterContent {
  // A handler may have changed those that it was given.
  const headers = rawHeaders === undefined ? given : MessageHeaders.decode(rawHeaders);
  const complete =
    (rawHeaders === undefined || isBlockOf(rawHeaders, headers)) &&
    (headers?.keys() ?? []).every(isHeaderName);
  const told = detailHeaders(details);
  const result = withDetails(headers, told);
  const block = rawHeaders ?? encoded(headers);
  if (!complete) result.set(RAW_HEADERS, Buffer.from(block).toString('base64'));
  const size = headerSize(result);
  if (size <= LARGEST_BLOCK && size + data.length <= largest) return { data, headers: result };
  if (block.length === 0) return { data, headers: result };
  told.set(HEADERS_LENGTH, String(block.length));
  return { data: Buffer.concat([block, data]), headers: told };
}

/** The headers of a dead letter: those of the original that every client can read, and the details. */
export function deadLetterHeaders(
  { headers, rawHeaders }: OriginalMessage,
  details: DeadLetterDetails,
): MsgHdrs {
  const own = rawHeaders === undefined ? headers : MessageHeaders.decode(rawHeaders);
  return withDetails(own, detailHeaders(details));
}

function withDetails(headers: MsgHdrs | undefined, details: MessageHeaders): MessageHeaders {
  const result = new MessageHeaders();
  for (const [name, values] of headers ?? []) {
    if (isHeaderName(name)) for (const value of values) result.keep(keptName(name), value);
  }
  for (const [name, [value]] of details) result.set(name, value);
  return result;
}

function detailHeaders(details: DeadLetterDetails): MessageHeaders {
  const result = new MessageHeaders();
  const told = { ...details, reason: words(details.reason), error: words(details.error) };
  for (const [detail, header] of DETAILS) result.set(header, told[detail]);
  return result;
}

/** Whether headers say all that is in the block that they were read from. */
function isBlockOf(block: Uint8Array, headers: MsgHdrs | undefined): boolean {
  if (headers === undefined || headers.code !== 0) return false;
  const same = encoded(headers);
  return same.length === 0 ? Buffer.from(block).equals(EMPTY_BLOCK) : Buffer.from(block).equals(same);
}

const EMPTY_BLOCK = Buffer.from('NATS/1.0\r\n\r\n');

function encoded(headers: MsgHdrs | undefined): Uint8Array {
  if (headers === undefined) return new Uint8Array(0);
  const block = new MessageHeaders();
  for (const [name, values] of headers) for (const value of values) block.keep(name, value);
  return block.encode();
}

function keptName(name: string): string {
  if (name.startsWith(INSTRUCTION)) return KEPT_INSTRUCTION + name.slice(INSTRUCTION.length);
  const isTaken = OWN_HEADERS.has(name) || name.startsWith(KEPT_INSTRUCTION) || name.startsWith(KEPT);
  return isTaken ? KEPT + name : name;
}

/** The name that a header of a dead letter has in the original; `undefined` if it is not one of the original. */
function originalName(name: string): string | undefined {
  if (name.startsWith(KEPT)) return name.slice(KEPT.length);
  if (name.startsWith(KEPT_INSTRUCTION)) return INSTRUCTION + name.slice(KEPT_INSTRUCTION.length);
  return OWN_HEADERS.has(name) || name.startsWith(INSTRUCTION) ? undefined : name;
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

/** The block of headers of the original as it travelled and its payload, as far as the dead letter has a block. */
export function readOriginal(
  headers: MsgHdrs,
  data: Uint8Array,
): { readonly block: Uint8Array | undefined; readonly data: Uint8Array } {
  const length = numberFromPeer(headers.get(HEADERS_LENGTH), { least: 1, most: Number.MAX_SAFE_INTEGER });
  if (length !== undefined && length <= data.length)
    return { block: data.subarray(0, length), data: data.subarray(length) };
  const encoded64 = headers.get(RAW_HEADERS);
  return { block: encoded64 === '' ? undefined : Buffer.from(encoded64, 'base64'), data };
}

/** The headers of the original: of its block if that can be read, otherwise those that the dead letter has. */
export function originalHeaders(from: MsgHdrs, block: Uint8Array | undefined): MsgHdrs {
  if (block !== undefined && isHeaderBlock(block)) return MessageHeaders.decode(block);
  const result = new MessageHeaders();
  for (const [key, values] of from) {
    const name = originalName(key);
    if (name !== undefined) for (const value of values) result.keep(name, value);
  }
  return result;
}

/** Headers without those that tell a server what to do: that was done when the original was published. */
export function publishableHeaders(from: MsgHdrs): MsgHdrs {
  const result = new MessageHeaders();
  for (const [name, values] of from) {
    if (!name.startsWith(INSTRUCTION)) for (const value of values) result.keep(name, value);
  }
  return result;
}

function words(text: string): string {
  return text.replace(/[\r\n]+/g, ' ').slice(0, LONGEST_WORDS);
}
