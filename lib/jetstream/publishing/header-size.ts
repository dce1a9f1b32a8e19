import { Buffer } from 'node:buffer';
import type { MsgHdrs } from '@nats-io/transport-node';

/** The size of a header block, in bytes: `NATS/1.0`, a line for each value, and an empty line. */
export function headerSize(headers: MsgHdrs): number {
  let size = 12;
  for (const [name, values] of headers) {
    for (const value of values) size += Buffer.byteLength(name) + Buffer.byteLength(value) + 4;
  }
  return size;
}
