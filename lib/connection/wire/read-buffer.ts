import { Buffer } from 'node:buffer';
import type { OnReadOpts } from 'node:net';

const SIZE = 65_536;
/** A smaller rest is not used for a read, because the data would be cut into small pieces. */
const LEAST = 16_384;

/**
 * The buffer that a socket's bytes are read into. Node would create a buffer for each read, push it into the socket's
 * stream, and check for more a tick later: for short messages, that is half of the cost of receiving, not counting the
 * system.
 *
 * Messages refer to the bytes in the buffer, so no part of it is used twice.
 */
export class ReadBuffer implements OnReadOpts {
  private block = Buffer.allocUnsafeSlow(SIZE);
  private start = 0;

  /** @param take must not throw */
  constructor(private readonly take: (chunk: Uint8Array) => void) {}

  /** Returns the buffer for the next read. */
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
