import { Buffer } from 'node:buffer';
import { Match, type MsgHdrs } from '@nats-io/transport-node';
import { InvalidArgumentError } from '../../errors/index.js';
import { utf8 } from '../../codecs/index.js';
import { isHeaderName } from '../../validation/index.js';

const VERSION = 'NATS/1.0';
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/**
 * The headers of a message. They implement the client's `MsgHdrs`, but reading a block never throws: a peer can write
 * anything into it, and the client rejects the whole block because of one invalid line.
 *
 * Lines end with a line feed, with or without a carriage return. A line without a name or without a colon is skipped;
 * names and values are otherwise unchanged, except that bytes that are not UTF-8 are replaced.
 */
export class MessageHeaders implements MsgHdrs {
  code = 0;
  description = '';
  private readonly lines = new Map<string, string[]>();

  /** Reads a block as transmitted; without the leading version, it contains no headers. See {@link isHeaderBlock}. */
  static decode(block: Uint8Array): MessageHeaders {
    const headers = new MessageHeaders();
    if (isHeaderBlock(block)) headers.read(textOf(block));
    return headers;
  }

  get hasError(): boolean {
    return this.code >= 300;
  }

  get status(): string {
    return `${this.code} ${this.description}`.trim();
  }

  get(name: string, match?: Match): string {
    return this.first(name, match)?.[0] ?? '';
  }

  last(name: string, match?: Match): string {
    return this.first(name, match)?.at(-1) ?? '';
  }

  has(name: string, match?: Match): boolean {
    return this.first(name, match) !== undefined;
  }

  values(name: string, match?: Match): string[] {
    return this.matching(name, match).flatMap((key) => this.lines.get(key) ?? []);
  }

  keys(): string[] {
    return [...this.lines.keys()];
  }

  /** @throws {@link InvalidArgumentError} as {@link append} does */
  set(name: string, value: string, match?: Match): void {
    const checked = checkedValue(name, value);
    const key = match === Match.CanonicalMIME ? canonical(name) : name;
    this.delete(name, match);
    this.lines.set(key, [checked]);
  }

  /** @throws {@link InvalidArgumentError} for a name or value that no client could read */
  append(name: string, value: string, match?: Match): void {
    const checked = checkedValue(name, value);
    const key = match === Match.CanonicalMIME ? canonical(name) : name;
    this.keep(this.matching(name, match)[0] ?? key, checked);
  }

  delete(name: string, match?: Match): void {
    for (const key of this.matching(name, match)) this.lines.delete(key);
  }

  [Symbol.iterator](): IterableIterator<[string, string[]]> {
    return this.lines.entries();
  }

  /** The block as transmitted; empty if there are no headers and no status. */
  toString(): string {
    if (this.lines.size === 0 && this.code === 0) return '';
    let text = this.code > 0 ? `${VERSION} ${this.status}` : VERSION;
    for (const [name, values] of this.lines) for (const value of values) text += `\r\n${name}: ${value}`;
    return `${text}\r\n\r\n`;
  }

  /** The bytes of the block; the client calls it to publish these headers. */
  encode(): Uint8Array {
    return Buffer.from(this.toString());
  }

  /** @internal Adds a line from another message, regardless of the characters in its name. */
  keep(name: string, value: string): void {
    const values = this.lines.get(name);
    if (values === undefined) this.lines.set(name, [value]);
    else values.push(value);
  }

  private read(text: string): void {
    let end = text.indexOf('\n');
    if (end < 0) end = text.length;
    if (end > VERSION.length + 1) this.readStatus(text.slice(VERSION.length, end));
    let colon = 0;
    while (end < text.length) {
      const start = end + 1;
      end = text.indexOf('\n', start);
      if (end < 0) end = text.length;
      // The same colon follows all lines that have none.
      if (colon < start) colon = text.indexOf(':', start);
      if (colon < 0) return;
      if (colon > end) continue;
      const name = text.slice(start, colon).trim();
      if (name !== '') this.keep(name, text.slice(colon + 1, end).trim());
    }
  }

  private readStatus(text: string): void {
    const [, code, description] = /^ *(\d{0,9})(.*)$/.exec(text.trim()) ?? ['', '', ''];
    this.code = Number(code);
    this.description = description.trim();
  }

  private first(name: string, match: Match | undefined): string[] | undefined {
    if (match === undefined || match === Match.Exact) return this.lines.get(name);
    const key = this.matching(name, match)[0];
    return key === undefined ? undefined : this.lines.get(key);
  }

  private matching(name: string, match: Match = Match.Exact): string[] {
    const wanted = match === Match.CanonicalMIME ? canonical(name) : name;
    if (match !== Match.IgnoreCase) return this.lines.has(wanted) ? [wanted] : [];
    return this.keys().filter((key) => key.toLowerCase() === wanted.toLowerCase());
  }
}

/** Whether a header block begins correctly. The rest is read as far as possible. */
export function isHeaderBlock(block: Uint8Array): boolean {
  return beginsWithVersion(block, 0, block.length);
}

/** Like {@link isHeaderBlock}, for a block within other bytes. */
export function beginsWithVersion(bytes: Uint8Array, start: number, length: number): boolean {
  if (length < VERSION.length) return false;
  for (let i = 0; i < VERSION.length; i++) if (bytes[start + i] !== VERSION.charCodeAt(i)) return false;
  return true;
}

/** A text without line ends: a carriage return within a line would make the header unreadable for other clients. */
function textOf(block: Uint8Array): string {
  let ascii = true;
  let stray = false;
  for (let i = 0; i < block.length; i++) {
    const byte = block[i];
    if (byte > 127) ascii = false;
    else if (byte === CARRIAGE_RETURN && block[i + 1] !== LINE_FEED) stray = true;
  }
  const text = ascii
    ? Buffer.from(block.buffer, block.byteOffset, block.length).toString('latin1')
    : utf8(block);
  return stray ? text.replace(/\r(?!\n)/g, ' ') : text;
}

function checkedValue(name: string, value: string): string {
  if (!isHeaderName(name)) {
    throw new InvalidArgumentError(
      'headers',
      `${JSON.stringify(name)} is not a valid header name. Use printable ASCII characters without spaces and colons`,
    );
  }
  if (typeof value !== 'string' || /[\r\n]/.test(value)) {
    throw new InvalidArgumentError(
      'headers',
      `the value of "${name}" is not a string, or contains line breaks. Encode it, for example as JSON`,
    );
  }
  return value.trim();
}

/** Converts `content-type` to `Content-Type`. */
function canonical(name: string): string {
  return name.toLowerCase().replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
}

/** Encodes the header block of a message, as the client does. */
export function encodeHeaders(block: MsgHdrs): Uint8Array {
  return (block as MsgHdrs & { encode(): Uint8Array }).encode();
}
