import {
  bytesCodec,
  type CodecSelector,
  createCodecSelector,
  jsonCodec,
  textCodec,
} from '../../codecs/index.js';
import {
  type Contracts,
  ContractSet,
  type EachOf,
  isMessageContract,
  type MessageContract,
  type ReceivedOf,
} from '../../contracts/index.js';
import { InvalidArgumentError } from '../../errors/index.js';
import type { ConsumeCallback, JetStreamMessage } from '../../jetstream/index.js';
import { isInstance, printable, shown } from '../../reporting/index.js';
import { pendingThenable } from '../../user-code/index.js';
import {
  type AllOptionsOf,
  checkedOptions,
  checkFunction,
  functionRule,
  isArray,
} from '../../validation/index.js';
import { InvalidPayloadError } from '../settlement/index.js';
import { payloadDecoder, requireHeaders, schemasOf } from './payload-decoder.js';

/** Options of {@link onMessage}. */
export interface OnMessageOptions {
  /** Selects the codec by the headers of a message. Default: JSON, text or bytes, by its `Content-Type`. */
  readonly codec?: CodecSelector | undefined;
  /**
   * Called with a message whose payload is invalid, which it should settle; no retry can help. Default: the error is
   * that of the callback, and the message is not settled.
   */
  readonly onInvalid?: ((error: InvalidPayloadError, message: JetStreamMessage) => unknown) | undefined;
}

const OPTIONS = {
  codec: functionRule('a function that selects a codec'),
  onInvalid: functionRule('a function of an error and a message'),
} satisfies AllOptionsOf<OnMessageOptions>;

const byContentType = createCodecSelector([textCodec, bytesCodec], jsonCodec);

/**
 * Creates a callback for `consume` that receives the parameters and the payload of messages of one contract, or of
 * several: then `name` distinguishes them. Payloads are validated. As in any callback of `consume`, the message is
 * settled by the callback.
 *
 * @example
 * ```ts
 * consumer.consume(
 *   onMessage(OrderPlaced, async ({ params: { id }, payload }, message) => {
 *     await bill(id, payload.total);
 *     message.ack();
 *   }),
 * );
 * ```
 *
 * @throws {@link InvalidArgumentError} if it is not given a contract, or no callback
 */
export function onMessage<const Given extends Contracts>(
  contracts: Given,
  callback: (received: ReceivedOf<EachOf<Given>>, message: JetStreamMessage) => unknown,
  options: OnMessageOptions = {},
): ConsumeCallback {
  const set = new ContractSet(contractsOf(contracts));
  checkFunction('callback', callback);
  const { codec = byContentType, onInvalid } = checkedOptions<OnMessageOptions>(
    'onMessage',
    options,
    OPTIONS,
  );
  const decode = payloadDecoder(codec, schemasOf(set.contracts));
  const give = (message: JetStreamMessage, contract: MessageContract, payload: unknown): unknown => {
    const { name } = contract;
    const params = contract.parse(message.subject);
    return callback({ name, params, payload } as ReceivedOf<EachOf<Given>>, message);
  };
  const invalid = (error: unknown, message: JetStreamMessage): unknown => {
    if (onInvalid !== undefined && isInstance(error, InvalidPayloadError)) return onInvalid(error, message);
    throw error;
  };
  return (message) => {
    let contract: MessageContract;
    let payload: unknown;
    try {
      contract = contractOf(set, message);
      requireHeaders(message.headersValid);
      payload = decode(message);
    } catch (error) {
      return invalid(error, message);
    }
    const pending = pendingThenable(payload);
    if (pending === undefined) return give(message, contract, payload);
    return pending.then(
      (value) => give(message, contract, value),
      (error: unknown) => invalid(error, message),
    );
  };
}

function contractOf(set: ContractSet, { subject }: JetStreamMessage): MessageContract {
  const contract = set.find(subject);
  if (contract !== undefined) return contract;
  throw new InvalidPayloadError(
    `the subject "${printable(subject)}" matches none of the messages of this callback: ${set.text}`,
  );
}

function contractsOf(given: unknown): readonly MessageContract[] {
  const all: readonly unknown[] = isArray(given) ? given : [given];
  const wrong = all.findIndex((each) => !isMessageContract(each));
  if (all.length > 0 && wrong === -1) return all as readonly MessageContract[];
  const problem = all.length === 0 ? 'the list is empty' : `${shown(all[wrong])} is not a message contract`;
  throw new InvalidArgumentError('contracts', `${problem}; pass what defineMessage returned`);
}
