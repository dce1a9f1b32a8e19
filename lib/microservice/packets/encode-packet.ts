import { encodeWhole, refuseUnencodable, type Codec } from '../../codecs/index.js';
import type { CallPacket, ReplyPacket } from './packet.js';

/**
 * Makes the bytes of a packet. What it carries must not be left out of it without a word: a caller would take it for an
 * answer without a value.
 *
 * @throws {@link PayloadEncodingError}
 */
export function encodePacket(codec: Codec, packet: CallPacket | ReplyPacket): Uint8Array {
  const { data, response }: Pick<CallPacket, 'data'> & Pick<ReplyPacket, 'response'> = packet;
  refuseUnencodable(codec, data);
  refuseUnencodable(codec, response);
  return encodeWhole(codec, packet);
}
