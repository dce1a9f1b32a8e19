import { Buffer } from 'node:buffer';
import { type Codec, decodeValue, encodePayload, jsonCodec } from '../../../codecs/index.js';
import { MessageHeaders } from '../../../connection/index.js';
import type { DeadLetter, EditedMessage } from '../../../consuming/index.js';
import { InvalidArgumentError } from '../../../errors/index.js';
import { errorText } from '../../../reporting/index.js';
import type { BoardActions } from '../../model/index.js';
import type { Payloads } from '../payloads/index.js';
import { rawOf } from './rows.js';

type Edit = Pick<BoardActions['edit-and-replay']['input'], 'headers' | 'payload'>;

/** A dead letter, and what a person made of its message. */
export interface EditOf {
  readonly connection: string;
  readonly letter: DeadLetter;
  readonly payload: Edit['payload'];
  readonly headers: Edit['headers'] | undefined;
}

/**
 * The message to publish. A payload that was shown as JSON because a codec decoded it, is encoded by that codec again.
 *
 * @throws {@link InvalidArgumentError} if the payload is not what its form says, or cannot be encoded again, or was masked
 */
export function editedMessage(payloads: Payloads, edit: EditOf): EditedMessage {
  if (payloads.isMasked) {
    throw new InvalidArgumentError(
      'payload',
      'payloads are masked here, so they cannot be edited (option payloads.mask)',
    );
  }
  const { headers } = edit;
  return { data: dataOf(payloads, edit), ...(headers !== undefined && { headers: headersOf(headers) }) };
}

function dataOf(payloads: Payloads, { connection, letter, payload: { content, form } }: EditOf): Uint8Array {
  if (form === 'base64') {
    const data = Buffer.from(content, 'base64');
    if (data.toString('base64') !== content)
      throw new InvalidArgumentError('payload.content', 'it is not base 64');
    return data;
  }
  const raw = rawOf(connection, letter);
  const codec = payloads.codecOf(raw);
  if (payloads.isDecoded(raw)) return encodedAgain(codec, letter.data, content);
  if (codec === jsonCodec && isJson(letter.text())) parsed(content);
  return Buffer.from(content);
}

/**
 * Encodes JSON with the codec that has decoded the original.
 *
 * @throws {@link InvalidArgumentError} if the codec has values that JSON does not have, so that more would change than the
 * person did
 */
function encodedAgain(codec: Codec, original: Uint8Array, content: string): Uint8Array {
  const shown = JSON.stringify(decodeValue(codec, original));
  if (!Buffer.from(encodePayload(codec, JSON.parse(shown) as unknown)).equals(original)) {
    throw new InvalidArgumentError(
      'payload',
      `it cannot be edited as JSON without changing more of it: it is encoded as ${codec.contentType}`,
    );
  }
  return encodePayload(codec, parsed(content));
}

/** @throws {@link InvalidArgumentError} */
function parsed(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch (error) {
    throw new InvalidArgumentError('payload.content', `it is not JSON: ${errorText(error)}`);
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function headersOf(given: NonNullable<Edit['headers']>): MessageHeaders {
  const headers = new MessageHeaders();
  for (const [name, values] of given) for (const value of values) headers.append(name, value);
  return headers;
}
