import type { Msg } from '@nats-io/transport-node';
import type { Codec } from '../../codecs/index.js';
import { hasValidHeaders } from '../../connection/index.js';
import { decodePayload, requireHeaders } from '../../consuming/index.js';
import { type CallPacket, isCallPacket } from './packet.js';

/** Reads the input of a handler: envelopes of Nest's transports, and bare payloads of other senders. */
export class PacketReader {
  constructor(
    private readonly codec: Codec,
    /** The subject of a pattern, as Nest converts it. */
    private readonly subjectOf: (pattern: unknown) => unknown,
  ) {}

  /** @throws {@link InvalidPayloadError} */
  read(message: Msg): CallPacket {
    requireHeaders(hasValidHeaders(message));
    const value = decodePayload(this.codec, message.data);
    return isCallPacket(value, message, this.subjectOf) ? value : { data: value };
  }
}
