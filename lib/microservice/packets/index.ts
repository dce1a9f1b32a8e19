export { encodePacket } from './encode-packet.js';
export { RequestHeader, toHeaders } from './headers.js';
export { PacketReader } from './packet-reader.js';
export {
  CALL_OFF,
  CallIds,
  type CallPacket,
  canCancel,
  CONFIRMATION,
  envelopeOf,
  isCallPacket,
  isNotice,
  isPubAck,
  isReplyPacket,
  metadataOf,
  type ReplyPacket,
} from './packet.js';
