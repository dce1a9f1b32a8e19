import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { messageIdentity, readHeader, type JetStreamMessage } from '../../jetstream/index.js';
import { errorText } from '../../reporting/index.js';
import { wrongType } from '../../user-code/index.js';
import { InvalidPayloadError } from '../settlement/index.js';
import type { IdempotenceOptions } from './idempotence-options.interface.js';

const MESSAGE_ID = 'Nats-Msg-Id';
const LONGEST_TOKEN = 200;

/** Returns the key of a message. */
export type MessageKey = (message: JetStreamMessage) => string | Promise<string>;

/**
 * Creates the function that returns the key of a message.
 *
 * It throws {@link InvalidPayloadError} if a message has no key or the user's function throws, because a retry cannot
 * help.
 *
 * @param payloadOf decodes the payload of a message, to a promise if decoding is asynchronous; called only if the key
 * depends on the payload
 */
export function messageKey(
  { key }: Pick<IdempotenceOptions, 'key'>,
  payloadOf: (message: JetStreamMessage) => unknown,
): MessageKey {
  if (key === undefined) {
    return (message) => {
      const id = headerOf(message, MESSAGE_ID);
      if (id !== undefined) return id;
      const { streamSequence, timestamp } = message.metadata;
      return messageIdentity(streamSequence, timestamp);
    };
  }
  if (typeof key === 'string') {
    return (message) => {
      const value = headerOf(message, key);
      if (value !== undefined) return value;
      throw new InvalidPayloadError(`the message has no header "${key}", which is the idempotence key`);
    };
  }
  return async (message) => {
    const payload = await payloadOf(message);
    let value: unknown;
    try {
      value = key(payload, message);
    } catch (error) {
      throw new InvalidPayloadError(`the function of the idempotence key threw: ${errorText(error)}`, {
        cause: error,
      });
    }
    if (typeof value === 'string' && value !== '') return value;
    const found = value === '' ? '""' : wrongType(value);
    throw new InvalidPayloadError(`the idempotence key must be a non-empty string; it is ${found}`);
  };
}

/**
 * Converts any text to one token of a key: characters that are not allowed are written as `=` and the hexadecimal
 * digits of their UTF-8, and texts that would become too long are hashed.
 */
export function keyToken(text: string): string {
  const token = text.replace(/[^\w-]/gu, (character) => `=${Buffer.from(character).toString('hex')}`);
  if (token.length <= LONGEST_TOKEN) return token;
  return `==${createHash('sha256').update(text).digest('base64url')}`;
}

function headerOf({ headers }: JetStreamMessage, name: string): string | undefined {
  return readHeader(headers, name) || undefined;
}
