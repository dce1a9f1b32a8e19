import type { CodecSelector } from '../../codecs/index.js';
import { decodePayload, requireHeaders } from '../../consuming/index.js';
import type { JetStreamMessage } from '../../jetstream/index.js';
import { type CallPacket, isCallPacket } from '../packets/index.js';

/** Reads messages of a stream: bare payloads of any publisher, and envelopes of Nest's transports. */
export class MessageReader {
  constructor(
    /** Selected by the message's `Content-Type`. */
    private readonly codecOf: CodecSelector,
    /** The subject of a pattern, as Nest converts it. */
    private readonly subjectOf: (pattern: unknown) => unknown,
  ) {}

  /** @throws {@link InvalidPayloadError} */
  read(message: JetStreamMessage): CallPacket {
    requireHeaders(message.headersValid);
    const { data, contentHeaders } = message;
    const value = decodePayload(this.codecOf(contentHeaders), data, contentHeaders);
    return isCallPacket(value, message, this.subjectOf) ? value : { data: value };
  }
}
