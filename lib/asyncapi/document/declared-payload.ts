import 'reflect-metadata';
import { type HandlerMethod, readParams } from '../../handlers/index.js';
import {
  isMessageContract,
  isStandardSchema,
  type MessageContract,
  type StandardSchema,
} from '../../contracts/index.js';
import { PIPES } from '../../nest/index.js';
import { propertyOf } from '../../reporting/index.js';

/** A method whose payload is described. */
export type PayloadMethod = Pick<HandlerMethod, 'target' | 'method' | 'callback'>;

/** The payload that a method declares. */
export interface DeclaredPayload {
  /** The contract of a `MessagePipe`. */
  readonly contract?: MessageContract;
  /** The schema of its `@Payload()` (Nest 12). */
  readonly schema?: StandardSchema;
  /** Its class, or another type of its parameter. */
  readonly type?: unknown;
}

/** Reads the payload of a method from its parameters and pipes. */
export function payloadOf({ target, method, callback }: PayloadMethod): DeclaredPayload {
  const params = readParams(target, method, callback);
  const pipes = Reflect.getMetadata(PIPES, callback) as readonly unknown[] | undefined;
  const contract = [...params.flatMap((param): readonly unknown[] => param.pipes), ...(pipes ?? [])]
    .map((pipe) => propertyOf(pipe, 'contract'))
    .find((each): each is MessageContract => isMessageContract(each));
  if (contract !== undefined) return { contract };
  const whole = params.find(({ source, data }) => source === 'payload' && typeof data !== 'string');
  if (whole === undefined) return {};
  if (isSchema(whole.schema)) return { schema: whole.schema };
  const { metatype: type, pipes: own } = whole;
  // A pipe may convert the payload, for example text to a number.
  return typeof type === 'function' && isValue(type) && own.length > 0 ? {} : { type };
}

function isValue(type: unknown): boolean {
  return type === String || type === Number || type === Boolean || type === Date;
}

function isSchema(value: unknown): value is StandardSchema {
  try {
    return isStandardSchema(value);
  } catch {
    return false;
  }
}
