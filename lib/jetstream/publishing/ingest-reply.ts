import type { Msg } from '@nats-io/transport-node';
import type { ApiErrorBody, PublishRefusedError } from '../../errors/index.js';
import type { IngestGap } from './ingest-options.js';
import { parsePubAck, parseReply, type PubAck } from './pub-ack.js';
import { publishError } from './publish-error.js';

/** A reply of the server during an ingest (ADR-50). */
export type IngestReply =
  /** All messages up to `message` are processed; the next acknowledgement comes after `interval` messages. */
  | { readonly kind: 'progress'; readonly message: number; readonly interval: number }
  | { readonly kind: 'gap'; readonly gap: IngestGap }
  | { readonly kind: 'refused'; readonly message: number; readonly error: PublishRefusedError }
  | { readonly kind: 'end'; readonly ack: PubAck }
  | { readonly kind: 'no stream' };

interface WireReply {
  readonly type?: string;
  readonly seq: number;
  readonly last_seq: number;
  readonly msgs: number;
  readonly error?: ApiErrorBody;
}

/** @throws {@link PublishRefusedError} if the whole ingest is refused, {@link InvalidPubAckError} */
export function parseIngestReply(msg: Msg, subject: string): IngestReply {
  if (msg.data.length === 0 && msg.headers?.code === 503) return { kind: 'no stream' };
  const {
    type,
    seq = 0,
    last_seq: lastSequence = 0,
    msgs = 0,
    error,
  } = parseReply<WireReply>(msg.data, subject);
  switch (type) {
    case 'ack':
      return { kind: 'progress', message: seq, interval: msgs };
    case 'gap':
      return { kind: 'gap', gap: { from: lastSequence, to: seq - 1 } };
    case 'err':
      return {
        kind: 'refused',
        message: seq,
        error: publishError(error ?? { code: 500, description: 'unknown' }, subject),
      };
    default:
      return { kind: 'end', ack: parsePubAck(msg.data, subject) };
  }
}
