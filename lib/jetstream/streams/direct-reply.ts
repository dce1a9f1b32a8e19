import { Buffer } from 'node:buffer';
import type { Msg } from '@nats-io/transport-node';
import { rawHeadersOf } from '../../connection/index.js';

/** A stored message in a reply to a direct get (ADR-31). */
export interface DirectReply {
  readonly stream: string;
  readonly subject: string;
  readonly sequence: number;
  readonly time: Date;
  /** The header block with which the message was stored, as far as it is known; `undefined` if it has none. */
  readonly block: Buffer | undefined;
  /**
   * Whether the block is complete. The server overwrites its last two bytes with its own headers. They are the end of a
   * well-formed block; a malformed block loses the end of its last line.
   */
  readonly isWhole: boolean;
}

/**
 * Reads a reply to a direct get. The server appends its own headers after everything that was stored, so the last
 * occurrence of each in the block is the server's, regardless of the stored headers. A status has no such headers.
 *
 * @returns `undefined` if it is a status, or not a reply to a direct get
 */
export function readDirectReply(msg: Msg): DirectReply | undefined {
  const raw = rawHeadersOf(msg);
  if (raw === undefined) return undefined;
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.length);
  const start = bytes.lastIndexOf(ADDED);
  if (start < 0) return undefined;
  const [, stream, subject, sequence, time] = FACTS.exec(bytes.toString('utf8', start)) ?? [];
  if (stream === undefined) return undefined;
  const isWhole = endsLine(bytes, start);
  return {
    stream,
    subject,
    sequence: Number(sequence),
    time: new Date(time),
    block: storedBlock(bytes, start),
    isWhole,
  };
}

/**
 * Classifies the headers of a reply to a direct get: those of a stored message, complete or partial (see
 * {@link DirectReply.isWhole}), or a status.
 *
 * @param text the headers as transmitted, with one character for each byte
 */
export function directReplyKind(text: string): 'message' | 'partial' | 'status' {
  const start = text.lastIndexOf(ADDED);
  if (start < 0) return 'status';
  return text.startsWith('\r\n', start - 2) ? 'message' : 'partial';
}

/**
 * The headers that the server adds start with the name of the stream. Neither this name nor the subject after it
 * contains blanks.
 */
const ADDED = 'Nats-Stream: ';
const FACTS =
  /^Nats-Stream: ([^\r\n]*)\r\nNats-Subject: ([^\r\n]*)\r\nNats-Sequence: (\d+)\r\nNats-Time-Stamp: ([^\r\n]*)\r\n/;
const VERSION = 'NATS/1.0\r\n';

/**
 * The stored block with the end that the server overwrote. If the end of the last line is missing, this line is
 * omitted.
 */
function storedBlock(bytes: Buffer, start: number): Buffer | undefined {
  // The block that the server creates for a message without headers.
  if (start === VERSION.length && bytes.toString('latin1', 0, start) === VERSION) return undefined;
  const end = endsLine(bytes, start) ? start : bytes.lastIndexOf('\n', start) + 1;
  return Buffer.concat([bytes.subarray(0, end), LINE_END]);
}

const LINE_END = Buffer.from('\r\n');

function endsLine(bytes: Buffer, at: number): boolean {
  return bytes[at - 2] === LINE_END[0] && bytes[at - 1] === LINE_END[1];
}
