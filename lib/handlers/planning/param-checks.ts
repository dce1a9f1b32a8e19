import type { Type } from '@nestjs/common';
import { BaseRpcContext } from '@nestjs/microservices';
import { DeadLetterContext, JetStreamBatchContext, JetStreamContext } from '../../consuming/index.js';
import { isMessageContract, type MessageContract } from '../../contracts/index.js';
import { shown } from '../../reporting/index.js';
import { readParams, type HandlerMethod } from '../compile/index.js';
import { EventContext, KvContext, NatsSubscribeContext, ObjectContext } from '../contexts/index.js';
import { CONTRACT_PARAMS, MESSAGE_PARAMS } from '../decorators/index.js';
import { ScheduleContext } from '../../schedules/index.js';

/** The input of the handlers of one form. */
interface HandlerInput {
  /** The inputs, as errors name them. */
  readonly inputs: string;
  /** The class of `@Ctx()`. */
  readonly context: abstract new (...args: never[]) => BaseRpcContext;
  /** Why parameters of a single message do not apply, if the input is not one message of a stream. */
  readonly noMessage?: string;
}

const INPUTS = {
  message: { inputs: 'messages', context: JetStreamContext },
  'dead-letter': { inputs: 'dead letters', context: DeadLetterContext },
  schedule: { inputs: 'runs of a schedule', context: ScheduleContext },
  batch: { inputs: 'batches', context: JetStreamBatchContext, noMessage: 'a batch has several' },
  'kv-watch': {
    inputs: 'key-value entries',
    context: KvContext,
    noMessage: 'a key-value entry is not one',
  },
  'object-watch': { inputs: 'objects', context: ObjectContext, noMessage: 'an object is not one' },
  subscribe: {
    inputs: 'core NATS messages',
    context: NatsSubscribeContext,
    noMessage: 'a core NATS message is not one',
  },
  event: { inputs: 'events', context: EventContext, noMessage: 'an event is not one' },
} as const satisfies Record<string, HandlerInput>;

/** The form of a handler, by what it receives. */
export type HandledInput = keyof typeof INPUTS;

type Param = ReturnType<typeof readParams>[number];

/**
 * Finds parameters whose value or declared type does not match what a handler of this form receives.
 *
 * @param contracts the messages that the handler names by their contracts
 */
export function checkParams(
  { target, method, callback }: HandlerMethod,
  handled: HandledInput,
  contracts: readonly MessageContract[] = [],
): readonly string[] {
  return readParams(target, method, callback).flatMap((param) => [
    ...checkMessageParam(param, handled),
    ...checkContractParam(param, contracts),
    ...checkContext(param, INPUTS[handled]),
    ...(handled === 'batch' ? checkBatchPayload(param) : []),
  ]);
}

/** Parameters that need a message of a stream, on handlers that receive none or several. */
function checkMessageParam({ factory }: Param, handled: HandledInput): readonly string[] {
  const decorator = MESSAGE_PARAMS.get(factory) ?? CONTRACT_PARAMS.get(factory);
  const { context, noMessage }: HandlerInput = INPUTS[handled];
  if (decorator === undefined || noMessage === undefined) return [];
  // Parameters that exist in core NATS too have the same meaning there.
  if (handled === 'subscribe' && decorator !== '@JsMetadata') return [];
  const messages = handled === 'batch' ? ' and its `messages`' : '';
  return [
    `${decorator} needs a message of a stream, and ${noMessage}: use \`@Ctx() context: ${context.name}\`${messages}`,
  ];
}

/** Parameters that name other messages than those that the handler receives. */
function checkContractParam(
  { factory, data }: Param,
  consumed: readonly MessageContract[],
): readonly string[] {
  const decorator = CONTRACT_PARAMS.get(factory);
  if (decorator === undefined) return [];
  const named: readonly unknown[] = Array.isArray(data) ? data : [];
  const wrong = named.find((each) => !isMessageContract(each));
  if (named.length === 0 || wrong !== undefined || named.includes(undefined)) {
    return [
      `${decorator} must name contracts of defineMessage; it names ${named.length === 0 ? 'none' : shown(wrong)}. ` +
        'If it is undefined, check for a cycle of imports',
    ];
  }
  const messages = named as readonly MessageContract[];
  const others = messages.filter((each) => !consumed.includes(each));
  if (others.length > 0) {
    return [
      `${decorator} names ${namesOf(others)}, which this handler does not consume: ` +
        (consumed.length > 0
          ? `it consumes ${namesOf(consumed)}`
          : 'pass the contract to the decorator of the handler, such as @JsConsumer(contract, options)'),
    ];
  }
  const missing = consumed.filter((each) => !messages.includes(each));
  if (missing.length === 0) return [];
  return [
    `${decorator} does not name ${namesOf(missing)}, which this handler also consumes: name all of them`,
  ];
}

function namesOf(contracts: readonly MessageContract[]): string {
  return contracts.map(({ name }) => `"${name}"`).join(', ');
}

/**
 * Parameters that are declared as the context of another form. Their properties would be `undefined`, and the message
 * is acknowledged nevertheless.
 */
function checkContext(
  { source, metatype, pipes }: Param,
  { inputs, context }: HandlerInput,
): readonly string[] {
  if (!isContextClass(metatype) || pipes.length > 0) return [];
  if (source === 'payload') {
    return [`a parameter of type ${metatype.name} receives the payload: decorate it with \`@Ctx()\``];
  }
  if (source !== 'context' || classNames(context).includes(metatype.name)) return [];
  const article = /^[AEIOU]/.test(context.name) ? 'an' : 'a';
  return [
    `\`@Ctx()\` is declared as ${metatype.name}, and a handler of ${inputs} receives ${article} ${context.name}: ` +
      `declare it as ${context.name}`,
  ];
}

/** Parameters of a batch that are declared as one payload, or as a field of it. */
function checkBatchPayload({ source, data, metatype, pipes }: Param): readonly string[] {
  if (source !== 'payload' || pipes.length > 0) return [];
  if (typeof data === 'string') {
    return [
      `\`@Payload('${data}')\` reads a field of one payload, and a batch has several: use \`@Payload()\` with an array`,
    ];
  }
  // TypeScript emits Object for interfaces and unions, which say nothing about the value.
  if (metatype === undefined || metatype === Object || classNames(metatype).includes('Array')) return [];
  if (isContextClass(metatype)) return [];
  return [
    `\`@Payload()\` is declared as ${metatype.name}, and a batch has several payloads: declare it as an array`,
  ];
}

function isContextClass(type: Type | undefined): type is Type<BaseRpcContext> {
  return typeof type === 'function' && type.prototype instanceof BaseRpcContext;
}

/**
 * The names of a class and the classes that it extends. Names are compared, because an application may load the package
 * twice, as CommonJS and as ES modules.
 */
function classNames(type: unknown): readonly string[] {
  return typeof type === 'function' && type !== Function.prototype
    ? [type.name, ...classNames(Object.getPrototypeOf(type))]
    : [];
}
