import { Buffer } from 'node:buffer';
import type { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { types } from 'node:util';
import { InvalidArgumentError } from '../errors/index.js';
import { shown } from '../reporting/index.js';
import { openIterator, pendingThenable } from '../user-code/index.js';
import { checkObject } from '../validation/index.js';

/**
 * The source of the content of an object: a stream of Node, a stream of the web platform, or anything that can be
 * iterated asynchronously. It produces bytes, or text that is stored as UTF-8. The pieces may have any size and must
 * not be changed afterwards.
 */
export type ObjectSource =
  Readable | ReadableStream<Uint8Array | string> | AsyncIterable<Uint8Array | string>;

/**
 * Splits or joins pieces of any size to chunks of one size, except the last one. Copies only chunks that span two
 * pieces.
 */
export class Chunker {
  private buffer: Buffer | undefined;
  private filled = 0;

  constructor(private readonly chunkSize: number) {}

  /** Returns the chunks that a piece completes. */
  *add(piece: Uint8Array): Generator<Uint8Array, void, undefined> {
    let offset = 0;
    while (offset < piece.length) {
      if (this.filled === 0 && piece.length - offset >= this.chunkSize) {
        yield piece.subarray(offset, (offset += this.chunkSize));
        continue;
      }
      this.buffer ??= Buffer.allocUnsafeSlow(this.chunkSize);
      const part = piece.subarray(offset, offset + this.chunkSize - this.filled);
      this.buffer.set(part, this.filled);
      offset += part.length;
      this.filled += part.length;
      if (this.filled < this.chunkSize) return;
      yield this.buffer;
      this.buffer = undefined;
      this.filled = 0;
    }
  }

  /** The remaining bytes at the end; `undefined` if there are none. */
  rest(): Uint8Array | undefined {
    return this.filled > 0 ? this.buffer?.subarray(0, this.filled) : undefined;
  }
}

/** The pieces of a source, one after another. */
export interface Pieces {
  /** The next piece. Rejects with the error of the source. */
  next(): Promise<Piece>;
  /**
   * Closes the source, even while it is asked for a piece that may never arrive: a `Readable` is destroyed, a
   * `ReadableStream` is cancelled, an iterator's `return` is called. Never throws; only the first call has an effect.
   */
  close(reason: unknown): void;
}

export interface Piece {
  readonly done?: boolean;
  readonly value?: unknown;
}

/** @throws {@link InvalidArgumentError} if it is not a source, is locked by another reader, or was read to its end */
export function piecesOf(source: ObjectSource): Pieces {
  const pieces = open(source);
  let closed = false;
  return {
    next: () => pieces.next(),
    close: (reason) => {
      if (closed) return;
      closed = true;
      pieces.close(reason);
    },
  };
}

function open(source: ObjectSource): Pieces {
  if (isObject(source)) {
    if (types.isProxy(source)) checkObject('source', source);
    if (isWebStream(source)) return ofWebStream(source);
    if ((source as Partial<Readable>).readableEnded === true) {
      throw new InvalidArgumentError(
        'source',
        'the Readable was already read to its end; if it is an HTTP request, switch off the body parser for its route',
      );
    }
    if (typeof (source as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator] === 'function') {
      return ofIterable(source as AsyncIterable<unknown>);
    }
  }
  throw new InvalidArgumentError(
    'source',
    `${shown(source)} is not a Readable, a ReadableStream or an async iterable; use putBytes for bytes, putString for text`,
  );
}

function ofWebStream(source: ReadableStream<unknown>): Pieces {
  if (source.locked) {
    throw new InvalidArgumentError('source', 'the ReadableStream is locked by another reader');
  }
  const reader = source.getReader();
  return {
    next: () => reader.read(),
    close: (reason) => attempt(() => reader.cancel(reason)),
  };
}

function ofIterable(source: AsyncIterable<unknown>): Pieces {
  const iterator = openIterator(source, 'source');
  return {
    next: () => iterator.next(),
    close: () => {
      // The iterators of streams process `return` only after the requested piece has arrived.
      attempt(() => destroy(source));
      attempt(() => iterator.close());
    },
  };
}

/** A stream that cannot be opened also reports this after it was destroyed. */
function destroy(source: object): void {
  const stream: Partial<Pick<Readable, 'destroy' | 'on'>> = source;
  if (typeof stream.destroy !== 'function') return;
  if (typeof stream.on === 'function') stream.on('error', ignore);
  stream.destroy();
}

/** Calls a source that is no longer needed; its errors are ignored, including later ones. */
function attempt(act: () => unknown): void {
  try {
    pendingThenable(act())?.catch(ignore);
  } catch {
    // See above.
  }
}

function ignore(): void {}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function isWebStream(source: object): source is ReadableStream<unknown> {
  return typeof (source as Partial<ReadableStream<unknown>>).getReader === 'function';
}

/** Encodes the pieces of a source to bytes. A character that spans two pieces of text is joined. */
export class PieceEncoder {
  /** The first half of a surrogate pair, if the last piece of text ended with it. */
  private half = '';

  /** @throws {@link InvalidArgumentError} if it is neither bytes nor text */
  bytesOf(piece: unknown): Uint8Array {
    if (typeof piece === 'string') {
      const text = this.half + piece;
      this.half = /[\uD800-\uDBFF]$/.exec(text)?.[0] ?? '';
      return Buffer.from(this.half === '' ? text : text.slice(0, -1), 'utf8');
    }
    // `instanceof` is not used because bytes may come from another realm, as they do in Jest.
    if (types.isUint8Array(piece)) return this.half === '' ? piece : Buffer.concat([this.rest(), piece]);
    throw new InvalidArgumentError(
      'source',
      `it yielded ${shown(piece)}, which is neither a Uint8Array nor a string`,
    );
  }

  /** The remainder at the end: half a character becomes U+FFFD, as usual in UTF-8. */
  rest(): Uint8Array {
    const bytes = Buffer.from(this.half, 'utf8');
    this.half = '';
    return bytes;
  }
}
