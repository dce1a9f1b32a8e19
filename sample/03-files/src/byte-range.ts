import { Readable } from 'node:stream';

/** Bytes of a file, both ends included, from 0. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** Reads a `Range` header of one range (RFC 9110); `undefined` if the whole file is to be sent. */
export function parseRange(
  header: string | undefined,
  size: number,
): ByteRange | 'unsatisfiable' | undefined {
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (from === '' && to === '') return undefined;
  const first = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const last = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  return first < size && first <= last ? { first, last } : 'unsatisfiable';
}

/** A part of a stream. Bytes before the range are read and discarded; bytes after it are not read. */
export function byteRange(content: Readable, { first, last }: ByteRange): Readable {
  async function* part(): AsyncGenerator<Uint8Array> {
    let at = 0;
    for await (const chunk of content as AsyncIterable<Uint8Array>) {
      const start = Math.max(0, first - at);
      const end = Math.min(chunk.length, last + 1 - at);
      if (start < end) yield chunk.subarray(start, end);
      at += chunk.length;
      if (at > last) break;
    }
  }
  return Readable.from(part(), { objectMode: false });
}
