import { Buffer } from 'node:buffer';
import type { OnReadOpts } from 'node:net';

const SIZE = 65_536;
/** Less is not offered to a read: what comes would be cut into small pieces. */
const LEAST = 16_384;

/**
 * Where a socket's bytes are read into. Node would make a buffer for each read, push it into the socket's stream, and look a
 * tick later whether there is more: for short messages half of what receiving costs without the system.
 *
 * Messages refer to the bytes in it, so no part of a buffer is read into twice.
 */
export class ReadBuffer implements OnReadOpts {
  private block = Buffer.allocUnsafeSlow(SIZE);
  private start = 0;

  /** @param take must not throw */
  constructor(private readonly take: (chunk: Uint8Array) => void) {}

  /** What the next read goes into. */
  readonly buffer = (): Buffer => {
    if (SIZE - this.start < LEAST) {
      this.block = Buffer.allocUnsafeSlow(SIZE);
      this.start = 0;
    }
    return this.start === 0 ? this.block : this.block.subarray(this.start);
  };

  readonly callback = (length: number, buffer: Uint8Array): boolean => {
    this.start += length;
    this.take(buffer.subarray(0, length));
    return true;
  };
}
