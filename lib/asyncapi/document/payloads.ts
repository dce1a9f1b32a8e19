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
import { type JsonSchema, nameOfClass, type SchemaDescriber } from '../schemas/index.js';
import type { Drafting } from './drafting.js';
import type { MessageDraft } from './drafts.js';

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

/** Creates the messages that have no contract. */
export class Payloads {
  constructor(
    private readonly drafting: Drafting,
    private readonly schemas: SchemaDescriber,
  ) {}

  /**
   * A message with a declared payload; a class is described once for all of its uses.
   *
   * @param key the preferred key of a message without a class
   */
  async message(
    key: string,
    { schema, type }: DeclaredPayload,
    contentType: string,
    about: Pick<MessageDraft, 'summary' | 'headers'> = {},
  ): Promise<MessageDraft> {
    if (schema !== undefined) return { ...about, key, payload: { schema }, contentType };
    if (!(await this.schemas.knows(type))) {
      return { ...about, key, payload: { fixed: payloadOfType(contentType) }, contentType };
    }
    if (!(await this.schemas.isDescribed(type))) return { ...about, key, payload: { type }, contentType };
    return this.drafting.shared(type, contentType, () => ({
      ...about,
      key: nameOfClass(type),
      payload: { type },
      contentType,
    }));
  }

  /** Whether a method declares a payload that can be described. */
  async isDeclared({ schema, type }: DeclaredPayload): Promise<boolean> {
    return schema !== undefined || this.schemas.knows(type);
  }
}

function isValue(type: unknown): boolean {
  return type === String || type === Number || type === Boolean || type === Date;
}

/** Payloads that are not JSON are described by their media type. */
function payloadOfType(contentType: string): JsonSchema {
  return contentType.startsWith('text/') ? { type: 'string' } : {};
}

function isSchema(value: unknown): value is StandardSchema {
  try {
    return isStandardSchema(value);
  } catch {
    return false;
  }
}
