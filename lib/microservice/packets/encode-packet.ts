import { encodeWhole, refuseUnencodable, type Codec } from '../../codecs/index.js';
import type { CallPacket, ReplyPacket } from './packet.js';

/**
 * Encodes a packet. Values that the codec cannot represent must not be omitted silently, because the caller would
 * receive an answer without a value.
 *
 * @throws {@link PayloadEncodingError}
 */
export function encodePacket(codec: Codec, packet: CallPacket | ReplyPacket): Uint8Array {
  const { data, response }: Pick<CallPacket, 'data'> & Pick<ReplyPacket, 'response'> = packet;
  refuseUnencodable(codec, data);
  refuseUnencodable(codec, response);
  return encodeWhole(codec, packet);
}
