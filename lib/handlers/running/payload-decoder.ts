import { refusePromise, type Codec, type CodecSelector } from '../../codecs/index.js';
import type { JetStreamMessage } from '../../jetstream/index.js';
import { errorText } from '../../reporting/index.js';
import type { StandardIssue, StandardResult, StandardSchema } from '../decorators/index.js';
import { pendingThenable } from '../../user-code/index.js';
import { InvalidPayloadError } from '../settlement/index.js';

/** Makes a payload's value; a promise where a schema validates asynchronously. */
export type PayloadDecoder = (message: JetStreamMessage) => unknown;

/**
 * Decodes by the codec that the message's `Content-Type` names, and checks by a schema, where there is one. What it makes
 * throws {@link InvalidPayloadError}.
 */
export function payloadDecoder(codecOf: CodecSelector, schema: StandardSchema | undefined): PayloadDecoder {
  const decode: PayloadDecoder = ({ data, headers }) => decodePayload(codecOf(headers), data);
  if (!schema) return decode;
  const standard = schema['~standard'];
  return (message) => {
    const result = standard.validate(decode(message));
    const pending = pendingThenable(result);
    return pending
      ? pending.then((value) => accepted(value as StandardResult<unknown>))
      : accepted(result as StandardResult<unknown>);
  };
}

/** @throws {@link InvalidPayloadError} if the headers of a message cannot be read, whether or not its handler asks for them */
export function requireHeaders({ headersValid }: Pick<JetStreamMessage, 'headersValid'>): void {
  if (!headersValid) throw new InvalidPayloadError('the header block does not begin with NATS/1.0');
}

/**
 * @throws {@link InvalidPayloadError} if the codec did not make these bytes
 * @throws {@link InvalidArgumentError} if the codec returns a promise: that is a mistake in the codec and says nothing about the payload
 */
export function decodePayload(codec: Codec, data: Uint8Array): unknown {
  let value: unknown;
  try {
    value = codec.decode(data);
  } catch (error) {
    throw new InvalidPayloadError(`the payload is not ${codec.contentType}: ${errorText(error)}`, {
      cause: error,
    });
  }
  return refusePromise(codec, value);
}

function accepted(result: StandardResult<unknown>): unknown {
  if (result.issues)
    throw new InvalidPayloadError(`invalid payload: ${result.issues.map(describe).join('; ')}`);
  return result.value;
}

function describe({ message, path }: StandardIssue): string {
  const keys = (path ?? []).map((key) => String(typeof key === 'object' ? key.key : key));
  return keys.length > 0 ? `${keys.join('.')}: ${message}` : message;
}
