import type { Socket } from 'node:net';
import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/transport-node';

/** The client's protocol handler: the part of it that the direct wire reads and writes through. */
export interface ClientProtocol {
  /** What every chunk that comes from the socket is given to. */
  parser: ChunkParser;
  readonly transport: ClientTransport;
  readonly connected: boolean;
  readonly noMorePublishing: boolean;
  readonly info?: { readonly headers?: boolean; readonly max_payload: number };
  /** What the client has not written yet. */
  readonly outbound: { length(): number };
  inMsgs: number;
  inBytes: number;
  outMsgs: number;
  outBytes: number;
  /** All subscriptions of the connection. */
  readonly subscriptions?: { all(): ClientSubscription[] };
  isClosed(): boolean;
  flushPending(): void;
  /** Hands a message to the client's own subscription. */
  processMsg(message: ClientDelivery, data: Uint8Array): void;
}

/** What takes chunks of the protocol's stream. */
export interface ChunkParser {
  parse(chunk: Uint8Array): void;
}

/** The client's parser; `state` is 0 between two commands. */
export interface ClientParser extends ChunkParser {
  readonly state: number;
}

/** The client's end of a link. */
export interface ClientTransport {
  readonly isClosed: boolean;
  readonly socket?: Socket;
  /** What has come from the socket and was not parsed yet. */
  readonly yields: { readonly length: number };
}

/** A message as the client's parser hands it over. */
export interface ClientDelivery {
  readonly sid: number;
  readonly subject: Uint8Array;
  readonly reply?: Uint8Array | undefined;
  /** The length of the headers, -1 where there are none. */
  readonly hdr: number;
  /** The length of headers and payload. */
  readonly size: number;
}

/** The client's subscription: what it counts, and who is called. */
export interface ClientSubscription {
  received: number;
  readonly callback: (error: Error | null, message: Msg) => void;
  getSubject(): string;
  isClosed(): boolean;
}

/** Writes the block of headers of a message, as the client does. */
export function encodeHeaders(block: MsgHdrs): Uint8Array {
  return (block as MsgHdrs & { encode(): Uint8Array }).encode();
}

/** The protocol handler of a connection; `undefined` where the client is not built as the direct wire knows it. */
export function protocolOf(nc: NatsConnection): ClientProtocol | undefined {
  const { protocol, options } = nc as { protocol?: Partial<ClientProtocol>; options?: { debug?: boolean } };
  // In debug mode the client prints what it writes.
  if (!protocol || options?.debug === true) return undefined;
  const whole =
    typeof protocol.parser?.parse === 'function' &&
    typeof protocol.transport?.isClosed === 'boolean' &&
    typeof protocol.transport.socket?.write === 'function' &&
    typeof protocol.transport.yields?.length === 'number' &&
    typeof protocol.connected === 'boolean' &&
    typeof protocol.noMorePublishing === 'boolean' &&
    typeof protocol.outbound?.length === 'function' &&
    typeof protocol.inMsgs === 'number' &&
    typeof protocol.inBytes === 'number' &&
    typeof protocol.outMsgs === 'number' &&
    typeof protocol.outBytes === 'number' &&
    typeof protocol.isClosed === 'function' &&
    typeof protocol.flushPending === 'function' &&
    typeof protocol.processMsg === 'function';
  return whole ? (protocol as ClientProtocol) : undefined;
}
