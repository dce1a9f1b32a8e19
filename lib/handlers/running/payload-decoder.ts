import type { Codec } from '../../codecs/index.js';
import type { JetStreamMessage } from '../../jetstream/index.js';
import type { StandardIssue, StandardResult, StandardSchema } from '../decorators/index.js';
import { InvalidPayloadError } from '../settlement/index.js';

/** Makes a payload's value; a promise where a schema validates asynchronously. */
export type PayloadDecoder = (message: JetStreamMessage) => unknown;

/** Decodes by a codec and checks by a schema, where there is one. What it makes throws {@link InvalidPayloadError}. */
export function payloadDecoder(codec: Codec, schema: StandardSchema | undefined): PayloadDecoder {
  const decode: PayloadDecoder = ({ data }) => {
    try {
      return codec.decode(data);
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      throw new InvalidPayloadError(`the payload is not ${codec.contentType}: ${words}`, { cause: error });
    }
  };
  if (!schema) return decode;
  const standard = schema['~standard'];
  return (message) => {
    const result = standard.validate(decode(message));
    return result instanceof Promise ? result.then(accepted) : accepted(result);
  };
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
