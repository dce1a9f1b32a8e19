import { type JsonSchema, nameOfClass, type SchemaDescriber } from '../schemas/index.js';
import type { DeclaredPayload } from './declared-payload.js';
import type { Drafting } from './drafting.js';
import type { MessageDraft } from './drafts.js';

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

/** Payloads that are not JSON are described by their media type. */
function payloadOfType(contentType: string): JsonSchema {
  return contentType.startsWith('text/') ? { type: 'string' } : {};
}
