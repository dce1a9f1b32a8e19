import { Buffer } from 'node:buffer';
import type { Msg, MsgHdrs } from '@nats-io/transport-node';

/**
 * The headers of a message as they travel, empty if it has none.
 *
 * The client parses headers into a map of lists, which costs more than all the rest of a get, of whose headers one is
 * looked at. They lie in front of the payload in the same memory, and the size of the message tells where they begin.
 */
export function headerText(msg: Msg): string {
  const { size } = msg as Msg & { readonly size?: () => number };
  if (size) {
    // Answers have no reply subject, so it is only asked for if the first guess was wrong.
    const length = size.call(msg) - msg.subject.length - msg.data.length;
    const text = textBefore(msg.data, length) ?? textBefore(msg.data, length - (msg.reply?.length ?? 0));
    if (text !== undefined) return text;
  }
  return parsedText(msg);
}

/** Headers that cannot be read count as none: any client can store them, and they must not end a watch. */
function parsedText(msg: Msg): string {
  try {
    return msg.headers ? toText(msg.headers) : '';
  } catch {
    return '';
  }
}

const VERSION = 'NATS/1.0';

function textBefore(data: Uint8Array, length: number): string | undefined {
  if (length === 0) return '';
  if (length < 0 || length > data.byteOffset) return undefined;
  const text = Buffer.from(data.buffer, data.byteOffset - length, length).toString('latin1');
  return text.startsWith(VERSION) ? text : undefined;
}

function toText(headers: MsgHdrs): string {
  const lines = [headers.code ? `${VERSION} ${headers.code} ${headers.description}` : VERSION];
  for (const [name, values] of headers) for (const value of values) lines.push(`${name}: ${value}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}
