import { Buffer } from 'node:buffer';
import type { Msg } from '@nats-io/transport-node';
import { WireMessage } from '../../connection/index.js';

const HEADER = 'Nats-Pin-Id';
const NONE = Buffer.alloc(0);

/**
 * The id under which a consumer is pinned to one client (ADR-42), shared by the requests of one consumer handle: the
 * server adds it to each message that it delivers, and the client sends it in its next request.
 */
export class PinId {
  /** Empty before the first message. */
  private id = '';
  /** The end of the headers of a message with this id. */
  private ending = NONE;

  /** The id to send in requests; `undefined` before the first message. */
  get value(): string | undefined {
    return this.id === '' ? undefined : this.id;
  }

  /** Reads the id from a delivered message. If it is the known id, the headers are not parsed. */
  read(msg: Msg): void {
    if (msg instanceof WireMessage && msg.headersEndWith(this.ending)) return;
    // The last value is the server's: a publisher may have set another one.
    const id = msg.headers?.last(HEADER) ?? '';
    if (id === '') return;
    this.id = id;
    this.ending = Buffer.from(`\r\n${HEADER}: ${id}\r\n\r\n`);
  }

  /** Called when the server does not know the id any more. */
  forget(): void {
    this.id = '';
    this.ending = NONE;
  }
}
