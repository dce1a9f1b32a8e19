import {
  type Codec,
  type CodecSelector,
  type ContentHeaders,
  jsonCodec,
  mediaType,
  refusePromise,
} from '../../codecs/index.js';
import { InvalidArgumentError, PayloadDecodingError } from '../../errors/index.js';
import type { JetStreamMessage } from '../../jetstream/index.js';
import { errorText, shown } from '../../reporting/index.js';
import { pendingThenable, wrongType } from '../../user-code/index.js';
import type { StandardIssue, StandardResult, StandardSchema } from '../options/index.js';
import { InvalidPayloadError } from '../settlement/index.js';
import type { CleanScope } from './clean-scope.js';

/** Decodes a payload; returns a promise if a schema validates asynchronously. */
export type PayloadDecoder = (message: JetStreamMessage) => unknown;

/**
 * Creates a decoder that uses the codec of the message's `Content-Type` and validates with a schema, if there is one.
 * The decoder throws {@link InvalidPayloadError}.
 */
export function payloadDecoder(codecOf: CodecSelector, schema: StandardSchema | undefined): PayloadDecoder {
  const decode: PayloadDecoder = ({ data, contentHeaders }) =>
    decodePayload(codecOf(contentHeaders), data, contentHeaders);
  if (!schema) return decode;
  const standard = schema['~standard'];
  return (message) => {
    const result = standard.validate(decode(message));
    const pending = pendingThenable(result);
    return pending ? pending.then(accepted) : accepted(result);
  };
}

/**
 * Like {@link payloadDecoder}, for payloads that are decoded one after the other: values that code of users puts into
 * an `AsyncLocalStorage` while decoding one payload are not visible to the others.
 */
export function separateDecoder(
  codecOf: CodecSelector,
  schema: StandardSchema | undefined,
  scope: CleanScope,
): PayloadDecoder {
  const separate = scope.around(payloadDecoder(codecOf, schema));
  if (schema) return separate;
  return (message) => {
    const { contentHeaders } = message;
    const codec = codecOf(contentHeaders);
    // The library's own codec runs no code of users, and a scope costs more than decoding a small payload.
    return codec === jsonCodec ? decodePayload(codec, message.data, contentHeaders) : separate(message);
  };
}

/**
 * Rejects a message whose headers cannot be read, even if its handler does not use them.
 *
 * @param valid whether the block of headers begins correctly
 * @throws {@link InvalidPayloadError}
 */
export function requireHeaders(valid: boolean): void {
  if (!valid) throw new InvalidPayloadError('the header block does not begin with NATS/1.0');
}

/**
 * @throws {@link InvalidPayloadError} if the bytes are not valid for the codec
 * @throws {@link InvalidArgumentError} if the codec returns a promise: this is an error in the codec, not in the
 * payload
 */
export function decodePayload(codec: Codec, data: Uint8Array, headers?: ContentHeaders): unknown {
  let value: unknown;
  try {
    value = codec.decode(data);
  } catch (cause) {
    const problem = cause instanceof PayloadDecodingError ? cause.problem : errorText(cause);
    const other = unknownType(codec, headers);
    const hint =
      other === undefined
        ? ''
        : ` (its Content-Type is ${other}: add a codec for that type to the option codecs)`;
    throw new InvalidPayloadError(`the payload is not ${codec.contentType}${hint}: ${problem}`, { cause });
  }
  return refusePromise(codec, value);
}

/** The `Content-Type` of a message, if it is not the type of its codec. */
function unknownType({ contentType }: Codec, headers: ContentHeaders | undefined): string | undefined {
  const type = headers?.get('Content-Type') ?? '';
  return type === '' || mediaType(type) === mediaType(contentType) ? undefined : shown(type);
}

/**
 * The validated output of a schema.
 *
 * @throws {@link InvalidPayloadError} if the schema reports issues
 * @throws {@link InvalidArgumentError} if the schema returns no valid result: this is an error in the schema, not in
 * the payload
 */
function accepted(given: unknown): unknown {
  if (typeof given !== 'object' || given === null) {
    throw new InvalidArgumentError(
      'schema',
      `validate returned ${wrongType(given)}. It must return an object with value or issues.`,
    );
  }
  const result = given as StandardResult<unknown>;
  if (result.issues) throw new InvalidPayloadError(`invalid payload: ${describeAll(result.issues)}`);
  return result.value;
}

/** Never throws, even if the schema returns invalid issues, because the payload is rejected in any case. */
function describeAll(issues: readonly StandardIssue[]): string {
  try {
    return Array.from(issues, describe).join('; ');
  } catch (error) {
    return `the issues cannot be read: ${errorText(error)}`;
  }
}

function describe({ message, path }: StandardIssue): string {
  const keys = Array.from(path ?? [], (key) => String(typeof key === 'object' ? key.key : key));
  return keys.length > 0 ? `${keys.join('.')}: ${String(message)}` : String(message);
}
