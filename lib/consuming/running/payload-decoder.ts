import {
  type Codec,
  type CodecSelector,
  type ContentHeaders,
  jsonCodec,
  mediaType,
  refusePromise,
} from '../../codecs/index.js';
import {
  ContractSet,
  type MessageContract,
  schemaOutcome,
  type StandardSchema,
} from '../../contracts/index.js';
import { PayloadDecodingError } from '../../errors/index.js';
import type { JetStreamMessage } from '../../jetstream/index.js';
import { errorText, printable, shown } from '../../reporting/index.js';
import { pendingThenable } from '../../user-code/index.js';
import { InvalidPayloadError } from '../settlement/index.js';
import type { CleanScope } from './clean-scope.js';

/** Decodes a payload; returns a promise if a schema validates asynchronously. */
export type PayloadDecoder = (message: JetStreamMessage) => unknown;

/** The schema of all payloads of a handler, or the contracts that have one for each message. */
export type SchemaSource = StandardSchema | ContractSet | undefined;

/** The source of schemas for a handler that consumes these messages; `undefined` if none is validated. */
export function schemasOf(contracts: readonly MessageContract[]): SchemaSource {
  if (contracts.every(({ consumeSchema }) => consumeSchema === undefined)) return undefined;
  return contracts.length === 1 ? contracts[0].consumeSchema : new ContractSet(contracts);
}

/**
 * Creates a decoder that uses the codec of the message's `Content-Type` and validates with a schema, if there is one.
 * The decoder throws {@link InvalidPayloadError}.
 */
export function payloadDecoder(codecOf: CodecSelector, schema: SchemaSource): PayloadDecoder {
  return validated(
    ({ data, contentHeaders }) => decodePayload(codecOf(contentHeaders), data, contentHeaders),
    schema,
  );
}

/**
 * Adds the validation of decoded payloads.
 *
 * @returns the function itself if there is no schema
 */
export function validated<Input extends { readonly subject: string }>(
  decode: (input: Input) => unknown,
  schema: SchemaSource,
): (input: Input) => unknown {
  if (schema === undefined) return decode;
  if (schema instanceof ContractSet) return validatedByContract(decode, schema);
  const standard = schema['~standard'];
  return (input) => outputOf(standard.validate(decode(input)));
}

function validatedByContract<Input extends { readonly subject: string }>(
  decode: (input: Input) => unknown,
  contracts: ContractSet,
): (input: Input) => unknown {
  return (input) => {
    const contract = contracts.find(input.subject);
    if (contract === undefined) {
      throw new InvalidPayloadError(
        `the subject "${printable(input.subject)}" matches none of the messages of this handler: ${contracts.text}`,
      );
    }
    const schema = contract.consumeSchema;
    const value = decode(input);
    return schema === undefined ? value : outputOf(schema['~standard'].validate(value));
  };
}

/** The output of a schema; a promise if it validates asynchronously. */
function outputOf(result: unknown): unknown {
  const pending = pendingThenable(result);
  return pending ? pending.then(accepted) : accepted(result);
}

/**
 * Like {@link payloadDecoder}, for payloads that are decoded one after the other: values that code of users puts into
 * an `AsyncLocalStorage` while decoding one payload are not visible to the others.
 */
export function separateDecoder(
  codecOf: CodecSelector,
  schema: SchemaSource,
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
 * @throws {@link InvalidArgumentError} if the schema returns no valid result
 */
function accepted(given: unknown): unknown {
  const outcome = schemaOutcome(given);
  if (outcome.problem !== undefined) throw new InvalidPayloadError(`invalid payload: ${outcome.problem}`);
  return outcome.value;
}
