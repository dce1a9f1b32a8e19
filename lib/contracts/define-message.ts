import {
  type AllOptionsOf,
  checkedOptions,
  filledText,
  flag,
  isHeaderName,
  list,
  oneOf,
  type OptionRule,
  pairs,
  required,
  rule,
  text,
  texts,
} from '../validation/index.js';
import { MessageContract } from './message-contract.js';
import type {
  InputOfSchema,
  MessageDefinition,
  MessageSchema,
  MessageValidation,
  OutputOfSchema,
} from './message-definition.interface.js';
import { isStandardSchema } from './standard-schema.js';
import type { SubjectName } from './subject-params.js';

const VALIDATIONS: readonly MessageValidation[] = ['publish', 'consume', 'both', 'off'];

const schemaOrClass = rule(
  'a Standard Schema, such as those of zod, valibot and arktype, or a class with decorators of class-validator',
  (value) => isStandardSchema(value) || isClass(value),
);

const messageName = rule(
  'a name of letters, digits, ".", "_" and "-"',
  (value) => typeof value === 'string' && /^[\w.-]+$/.test(value),
);

/** The value of a `Content-Type` header. */
const mediaTypeRule = rule(
  'a media type, such as "application/json"',
  (value) => typeof value === 'string' && /^[!-~]+\/[ -~]*[!-~]$/.test(value),
);

const headerTexts: OptionRule = (value, option) => {
  const problems = pairs(value, option);
  if (problems.length > 0) return problems;
  return Object.keys(value as object).flatMap((name) => headerName(name, `a name in ${option}`));
};

const headerName = rule('the name of a header: printable text without spaces and colons', isHeaderName);

/** The options of {@link defineMessage}. */
const DEFINITION = {
  subject: required(filledText),
  schema: schemaOrClass,
  name: messageName,
  validate: oneOf(VALIDATIONS),
  core: flag,
  contentType: mediaTypeRule,
  summary: text,
  description: text,
  examples: list('a list of payloads'),
  headers: headerTexts,
  tags: texts,
} satisfies AllOptionsOf<MessageDefinition>;

/**
 * Defines a message that services exchange: its subject and the schema of its payload. Publishers and handlers that use
 * the returned contract agree on both, at compile time and at run time.
 *
 * @example
 * ```ts
 * export const OrderPlaced = defineMessage({
 *   subject: 'orders.:id.placed',
 *   schema: z.object({ customer: z.string(), total: z.number() }),
 *   summary: 'A customer placed an order',
 * });
 * ```
 *
 * @throws {@link InvalidSubjectError} if the subject is invalid
 * @throws {@link InvalidArgumentError} if another option is unknown or invalid
 */
export function defineMessage<
  const Subject extends string,
  Schema extends MessageSchema | undefined = undefined,
  const Name extends string = SubjectName<Subject>,
  const Core extends boolean = false,
>(
  definition: MessageDefinition<Subject, Schema, Name, Core>,
): MessageContract<Subject, InputOfSchema<Schema>, OutputOfSchema<Schema>, Name, Core> {
  return new MessageContract(checkedOptions('defineMessage', definition, DEFINITION));
}

function isClass(value: unknown): boolean {
  if (typeof value !== 'function') return false;
  const prototype: unknown = value.prototype;
  return typeof prototype === 'object' && prototype !== null;
}
