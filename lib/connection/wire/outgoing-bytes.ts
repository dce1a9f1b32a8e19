import { Buffer } from 'node:buffer';

const EMPTY = new Uint8Array(0);
const BLOCK = 65_536;
/** Queued data is written when it reaches this size, so that the server can start while more is produced. */
const FLUSH_AT = 32_768;
const VERB = Buffer.from('PUB ');
/** The maximum size of an answer without its subject and its text. */
const SIZES = 32;
/** The longest subject that is written without checking the length of the line. */
const LONGEST_PLAIN = 1_024;
/** Payloads from this size on are written without copying them. */
export const LARGE = 16_384;

/** The destination of collected bytes. Data written after the end of a link is lost, like data in flight. */
export interface ByteSink {
  /** A text has one character for each byte. */
  write(bytes: Uint8Array | string): void;
  /** Data written from here on is passed to the system in one piece, at {@link uncork}. */
  cork(): void;
  uncork(): void;
}

/**
 * Collects the data sent in one turn of the event loop, and writes it in one piece.
 *
 * The client writes one microtask after a publish. Asynchronous handlers and callers each continue in their own
 * microtask, so each of their messages would cost a system call, which is several times the cost of everything else. A
 * tick runs after all microtasks.
 */
export class OutgoingBytes {
  private block = Buffer.allocUnsafeSlow(BLOCK);
  private start = 0;
  private end = 0;
  private scheduled = false;
  private answer = '';
  private answerBytes = Buffer.from(' 0\r\n\r\n');

  constructor(private readonly sink: ByteSink) {}

  /**
   * Adds text with one character for each byte, less than {@link LARGE} of them and a head.
   *
   * @param alone no other data is expected in this turn
   */
  addText(text: string, alone = false): void {
    if (alone && this.end === this.start) return this.sink.write(text);
    this.reserve(text.length);
    this.end += this.block.write(text, this.end, 'latin1');
    this.added();
  }

  /** Adds a message with a payload of bytes; `head` is ASCII. */
  add(head: string, headers: Uint8Array | undefined, payload: Uint8Array): void {
    const { length } = headers ?? EMPTY;
    if (length + payload.length >= LARGE) return this.addLarge(head, headers ?? EMPTY, payload);
    this.reserve(head.length + length + payload.length + 2);
    this.end += this.block.write(head, this.end, 'latin1');
    if (headers) this.addBytes(headers);
    this.addBytes(payload);
    this.block[this.end++] = 13;
    this.block[this.end++] = 10;
    this.added();
  }

  /**
   * Adds an answer: a short ASCII text for a subject that is copied as received. Adds nothing if the subject is not
   * printable ASCII or is unusually long.
   */
  addAnswer(line: Buffer, subjectStart: number, subjectEnd: number, text: string): boolean {
    const length = subjectEnd - subjectStart;
    if (length === 0 || length > LONGEST_PLAIN) return false;
    this.reserve(length + text.length + SIZES);
    const { block } = this;
    let end = this.end + VERB.length;
    for (let i = subjectStart; i < subjectEnd; i++) {
      const byte = line[i];
      if (byte < 33 || byte > 126) return false;
      block[end++] = byte;
    }
    block.set(VERB, this.end);
    if (text !== this.answer) this.prepare(text);
    block.set(this.answerBytes, end);
    this.end = end + this.answerBytes.length;
    this.added();
    return true;
  }

  /** Writes the queued data. */
  readonly flush = (): void => {
    if (this.end === this.start) return;
    const bytes = this.block.subarray(this.start, this.end);
    // A block is never written to twice, because the socket may still hold its earlier content.
    this.start = this.end;
    this.sink.write(bytes);
  };

  private readonly tick = (): void => {
    this.scheduled = false;
    this.flush();
  };

  private added(): void {
    if (this.end - this.start >= FLUSH_AT) return this.flush();
    if (this.scheduled) return;
    this.scheduled = true;
    process.nextTick(this.tick);
  }

  private reserve(length: number): void {
    if (this.end + length <= BLOCK) return;
    this.flush();
    this.block = Buffer.allocUnsafeSlow(BLOCK);
    this.start = this.end = 0;
  }

  /** Consecutive answers often have the same text. */
  private prepare(answer: string): void {
    this.answer = answer;
    this.answerBytes = Buffer.from(` ${answer.length}\r\n${answer}\r\n`, 'latin1');
  }

  private addBytes(bytes: Uint8Array): void {
    this.block.set(bytes, this.end);
    this.end += bytes.length;
  }

  private addLarge(head: string, headers: Uint8Array, payload: Uint8Array): void {
    this.sink.cork();
    this.addText(head);
    this.flush();
    if (headers.length > 0) this.sink.write(headers);
    this.sink.write(payload);
    this.addText('\r\n');
    this.flush();
    this.sink.uncork();
  }
}
