import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { InvalidPayloadError, type JetStreamContext } from '../../consuming/index.js';
import { ContractSet, type MessageContract } from '../../contracts/index.js';
import { printable } from '../../reporting/index.js';

/** The contract and the subject of the message of a call. */
interface Found {
  readonly contract: MessageContract;
  readonly subject: string;
}

const sets = new WeakMap<readonly MessageContract[], ContractSet>();

function find(contracts: readonly MessageContract[], context: ExecutionContext): Found {
  const { subject } = context.switchToRpc().getContext<Pick<JetStreamContext, 'message'>>().message;
  let set = sets.get(contracts);
  if (set === undefined) sets.set(contracts, (set = new ContractSet(contracts)));
  const contract = set.find(subject);
  if (contract !== undefined) return { contract, subject };
  // No retry can help.
  throw new InvalidPayloadError(`the subject "${printable(subject)}" does not match ${set.text}`);
}

const paramsOf = (contracts: readonly MessageContract[], context: ExecutionContext): unknown => {
  const { contract, subject } = find(contracts, context);
  return contract.parse(subject);
};

const receivedOf = (contracts: readonly MessageContract[], context: ExecutionContext): unknown => {
  const { contract, subject } = find(contracts, context);
  const payload: unknown = context.switchToRpc().getData();
  return { name: contract.name, params: contract.parse(subject), payload };
};

const params = createParamDecorator(paramsOf);
const received = createParamDecorator(receivedOf);

/**
 * The parameters in the subject of the message: `{ id: '7' }` for `orders.7.placed` and `orders.:id.placed`. It names
 * all contracts that the handler consumes; otherwise the application does not start.
 *
 * @example
 * ```ts
 * @JsParams(OrderPlaced) { id }: ParamsOf<typeof OrderPlaced>
 * ```
 */
export function JsParams(...messages: [MessageContract, ...MessageContract[]]): ParameterDecorator {
  return params(messages);
}

/**
 * The message of a handler that consumes several contracts: `name` distinguishes them, so that TypeScript knows the
 * type of `payload` and `params`. It names all contracts that the handler consumes; otherwise the application does not
 * start.
 *
 * @example
 * ```ts
 * @JsConsumer([OrderPlaced, OrderCancelled], { durable: 'audit' })
 * record(
 *   @Payload() _payload: unknown,
 *   @JsReceived(OrderPlaced, OrderCancelled)
 *   received: ReceivedOf<typeof OrderPlaced | typeof OrderCancelled>,
 * ) {
 *   if (received.name === OrderPlaced.name) this.total += received.payload.total;
 * }
 * ```
 */
export function JsReceived(...messages: [MessageContract, ...MessageContract[]]): ParameterDecorator {
  return received(messages);
}

/**
 * The decorators above, by the factory that Nest stores for them, to check that they name the messages of their
 * handler.
 */
export const CONTRACT_PARAMS: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  [paramsOf, '@JsParams'],
  [receivedOf, '@JsReceived'],
]);
