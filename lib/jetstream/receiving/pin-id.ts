import { Buffer } from 'node:buffer';
import type { Msg } from '@nats-io/transport-node';
import { WireMessage } from '../../connection/index.js';

const HEADER = 'Nats-Pin-Id';
const NONE = Buffer.alloc(0);

/**
 * The id under which a consumer is pinned to one client (ADR-42), shared by the requests of one consumer handle: the server
 * adds it to each message that it delivers, and the client names it in its next request.
 */
export class PinId {
  /** Empty before the first message. */
  private id = '';
  /** How the headers of a message with this id end. */
  private ending = NONE;

  /** What a request names; `undefined` before the first message. */
  get value(): string | undefined {
    return this.id === '' ? undefined : this.id;
  }

  /** Reads the id of a message that was delivered. The headers of one with the id that is known need not be read for it. */
  read(msg: Msg): void {
    if (msg instanceof WireMessage && msg.headersEndWith(this.ending)) return;
    // The server's is the last one: a publisher may have set another.
    const id = msg.headers?.last(HEADER) ?? '';
    if (id === '') return;
    this.id = id;
    this.ending = Buffer.from(`\r\n${HEADER}: ${id}\r\n\r\n`);
  }

  /** The server does not know the id any more. */
  forget(): void {
    this.id = '';
    this.ending = NONE;
  }
}
