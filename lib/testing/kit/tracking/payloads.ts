import { Buffer, isUtf8 } from 'node:buffer';
import { decodeValue, jsonCodec } from '../../../codecs/index.js';
import type { HandlerConnection } from '../../../handlers/index.js';
import type { ObservedHeaders } from '../../../instruments/index.js';

/** Decodes a payload as its handler does; text or bytes if that is not possible. */
export function decodeWith(
  connection: HandlerConnection | undefined,
  data: Uint8Array | string,
  { stream, subject }: { readonly stream?: string | undefined; readonly subject: string },
  headers: ObservedHeaders | undefined,
): unknown {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  if (bytes.length === 0) return undefined;
  try {
    // A client with a connection of its own, whose default is JSON too.
    if (connection === undefined) return decodeValue(jsonCodec, bytes);
    const codecOf =
      stream === undefined ? connection.codecsOfSubject(subject) : connection.codecsOfStream(stream);
    return decodeValue(codecOf(headers), bytes);
  } catch {
    return asText(bytes);
  }
}

/** A copy, because the memory of a message may be used again. */
function asText(bytes: Uint8Array): string | Uint8Array {
  return isUtf8(bytes) ? Buffer.from(bytes).toString('utf8') : Uint8Array.from(bytes);
}
