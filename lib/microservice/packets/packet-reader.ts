import type { Codec } from '../../codecs/index.js';
import { isCallPacket, type CallPacket } from './packet.js';

/** Reads what comes to a handler: envelopes of Nest's transports, and bare payloads from everyone else. */
export class PacketReader {
  constructor(
    private readonly codec: Codec,
    /** The subject of a pattern, as Nest makes it. */
    private readonly subjectOf: (pattern: unknown) => unknown,
  ) {}

  /** @throws what the codec throws */
  read(payload: Uint8Array, subject: string): CallPacket {
    const value = this.codec.decode(payload);
    return isCallPacket(value, subject, this.subjectOf) ? value : { data: value };
  }
}
