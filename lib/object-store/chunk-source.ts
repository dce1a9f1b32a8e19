import { Buffer } from 'node:buffer';
import type { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { InvalidArgumentError } from '../errors/index.js';

/**
 * Where the content of an object comes from: a stream of Node, a stream of the web platform, or anything that can be
 * iterated asynchronously. It gives bytes, or text that goes as UTF-8; the pieces may be of any size and must not be
 * changed after they were given.
 */
export type ObjectSource =
  Readable | ReadableStream<Uint8Array | string> | AsyncIterable<Uint8Array | string>;

/** Takes pieces of any size and gives chunks of one size, the last one apart. Copies only what lies across two pieces. */
export class Chunker {
  private buffer: Buffer | undefined;
  private filled = 0;

  constructor(private readonly chunkSize: number) {}

  /** The chunks that a piece makes full. */
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

  /** What is left at the end, `undefined` where nothing is. */
  rest(): Uint8Array | undefined {
    return this.filled > 0 ? this.buffer?.subarray(0, this.filled) : undefined;
  }
}

/** The pieces of a source, one after another. */
export interface Pieces {
  next(): Promise<{ readonly done?: boolean; readonly value?: unknown }>;
  /** Tells the source that no more is wanted, even while it is asked for a piece that may never come. */
  close(reason: Error): void;
}

/** @throws {@link InvalidArgumentError} where it is not a source */
export function piecesOf(source: ObjectSource): Pieces {
  if (source instanceof ReadableStream) {
    const reader = source.getReader();
    return { next: () => reader.read(), close: (reason) => void reader.cancel(reason).catch(ignore) };
  }
  const iterable: Partial<AsyncIterable<unknown>> | null | undefined = source;
  if (typeof iterable?.[Symbol.asyncIterator] !== 'function') {
    throw new InvalidArgumentError(
      'source',
      'a Readable, a ReadableStream or an async iterable; bytes go to putBytes, text to putString',
    );
  }
  const iterator = (iterable as AsyncIterable<unknown>)[Symbol.asyncIterator]();
  return {
    next: () => iterator.next(),
    close: () => {
      // The iterators of streams do not hear of `return` before the piece that they are asked for has come.
      if ('destroy' in source) source.destroy();
      void iterator.return?.().catch(ignore);
    },
  };
}

function ignore(): void {}

/** @throws {@link InvalidArgumentError} where it is neither bytes nor text */
export function toBytes(piece: unknown): Uint8Array {
  if (piece instanceof Uint8Array) return piece;
  if (typeof piece === 'string') return Buffer.from(piece, 'utf8');
  throw new InvalidArgumentError('source', `it gave ${typeof piece}, neither a Uint8Array nor a string`);
}
