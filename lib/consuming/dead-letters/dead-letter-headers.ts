import { Buffer } from 'node:buffer';
import type { MsgHdrs } from '@nats-io/transport-node';
import { isHeaderBlock, MessageHeaders } from '../../connection/index.js';
import { FLOW_HEADER } from '../../instruments/index.js';
import { headerSize } from '../../jetstream/index.js';
import { isHeaderName, numberFromPeer } from '../../validation/index.js';

/** The stream that stores dead letters; also the first token of their subjects. */
export const DEAD_LETTER_STREAM = 'DEAD_LETTERS';
export const DEAD_LETTER_SUBJECT = 'dead-letters';

/** The headers that a dead letter adds to those of the original message. */
export const DEAD_LETTER_HEADERS = {
  /** The stream of the original message. */
  stream: 'Dead-Letter-Stream',
  /** The consumer that delivered the original message. */
  consumer: 'Dead-Letter-Consumer',
  /** The subject to which the original was published. */
  subject: 'Dead-Letter-Subject',
  /** The sequence of the original in its stream. */
  sequence: 'Dead-Letter-Sequence',
  /** When the original was stored in its stream. */
  published: 'Dead-Letter-Published',
  /** The number of deliveries of the original. */
  deliveries: 'Dead-Letter-Deliveries',
  /** The class and method of the handler. */
  handler: 'Dead-Letter-Handler',
  /** The reason why the message became a dead letter. */
  reason: 'Dead-Letter-Reason',
  /** The error of the last delivery; empty if the process ended before it could report one. */
  error: 'Dead-Letter-Error',
  /** When the message became a dead letter. */
  time: 'Dead-Letter-Time',
} as const;

/**
 * The header of a dead letter with the original's header block in base 64, if the block cannot be represented as
 * headers.
 */
export const RAW_HEADERS = 'Dead-Letter-Raw-Headers';

/**
 * The header of a dead letter with the length of the original's header block, which then precedes the payload. It is
 * used if the block and the details together exceed the header size that JetStream allows.
 */
export const HEADERS_LENGTH = 'Dead-Letter-Headers-Length';

/** The header of a dead letter whose payload did not fit: the size of that payload, in bytes. */
export const OMITTED_PAYLOAD_HEADER = 'Dead-Letter-Omitted-Payload';

/** The header of a message that was published from a dead letter: the sequence of the dead letter. */
export const REPLAY_HEADER = 'Dead-Letter-Replay';

/** The values of the dead-letter headers, as strings. */
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
/** The server has already processed the `Nats-` headers of the original. They are kept under another name. */
const INSTRUCTION = 'Nats-';
const KEPT_INSTRUCTION = 'Dead-Letter-Nats-';
/** The prefix for headers of the original whose name has a meaning in a dead letter. */
const KEPT = 'Dead-Letter-Original-';
/** The maximum length of reason and error texts, so that they do not make a message exceed the server's limit. */
const LONGEST_WORDS = 1_000;
/** The largest header block of a dead letter, in bytes. JetStream allows 65,535, and publishing adds some bytes. */
const LARGEST_BLOCK = 60_000;

/** A message to store as a dead letter. */
export interface OriginalMessage {
  readonly data: Uint8Array;
  readonly headers: MsgHdrs | undefined;
  /** The header block as it was transmitted, if it is known. */
  readonly rawHeaders?: Uint8Array | undefined;
}

/** The content of a stored dead letter. */
export interface DeadLetterContent {
  readonly data: Uint8Array;
  readonly headers: MsgHdrs;
}

/**
 * Creates a dead letter from the original message and the details. Nothing of the original is lost:
 *
 * - its headers are headers of the dead letter, some of them under another name
 * - its header block is also kept in base 64 if it differs from the encoding of these headers, or has names that no
 *   client writes
 * - the block precedes the payload if the headers would become too large
 *
 * @param largest the server's limit for headers and payload together, in bytes
 */
export function toDeadLetter(
  { data, headers: given, rawHeaders }: OriginalMessage,
  details: DeadLetterDetails,
  largest: number,
): DeadLetterContent {
  // A handler may have changed the headers object that it received.
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

/** The headers of a dead letter: the headers of the original that every client can read, and the details. */
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

/** Whether the headers represent the header block completely. */
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

/** The name of a dead letter's header in the original; `undefined` if the original did not have it. */
function originalName(name: string): string | undefined {
  if (name.startsWith(KEPT)) return name.slice(KEPT.length);
  if (name.startsWith(KEPT_INSTRUCTION)) return INSTRUCTION + name.slice(KEPT_INSTRUCTION.length);
  if (OWN_HEADERS.has(name) || name === FLOW_HEADER) return undefined;
  return name.startsWith(INSTRUCTION) ? undefined : name;
}

/**
 * The details of a dead letter; `undefined` if the message is not a dead letter. The headers are not trustworthy: any
 * client that may publish to the dead-letter stream can have written them.
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

/** The original's header block as it was transmitted and its payload, if the dead letter contains the block. */
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

/** The headers of the original: those of its block if that can be read, otherwise those of the dead letter. */
export function originalHeaders(from: MsgHdrs, block: Uint8Array | undefined): MsgHdrs {
  if (block !== undefined && isHeaderBlock(block)) {
    const headers = MessageHeaders.decode(block);
    headers.delete(FLOW_HEADER);
    return headers;
  }
  const result = new MessageHeaders();
  for (const [key, values] of from) {
    const name = originalName(key);
    if (name !== undefined) for (const value of values) result.keep(name, value);
  }
  return result;
}

/** The headers without instructions to the server, which were carried out when the original was published. */
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
