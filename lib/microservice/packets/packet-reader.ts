import type { Msg } from '@nats-io/transport-node';
import { decodeValue, type Codec } from '../../codecs/index.js';
import { isCallPacket, type CallPacket } from './packet.js';

/** Reads what comes to a handler: envelopes of Nest's transports, and bare payloads from everyone else. */
export class PacketReader {
  constructor(
    private readonly codec: Codec,
    /** The subject of a pattern, as Nest makes it. */
    private readonly subjectOf: (pattern: unknown) => unknown,
  ) {}

  /** @throws what the codec throws */
  read(message: Msg): CallPacket {
    const value = decodeValue(this.codec, message.data);
    return isCallPacket(value, message, this.subjectOf) ? value : { data: value };
  }
}
