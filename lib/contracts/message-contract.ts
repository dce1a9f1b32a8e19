import { InvalidArgumentError, InvalidSubjectError } from '../errors/index.js';
import { errorText, isInstance, nameText, propertyOf } from '../reporting/index.js';
import { ClassSchema, type PayloadClass } from './class-schema.js';
import type { MessageDefinition, MessageValidation } from './message-definition.interface.js';
import { isStandardSchema, type StandardSchema } from './standard-schema.js';
import type { SubjectFilter, SubjectParams } from './subject-params.js';
import { SubjectTemplate } from './subject-template.js';

/** Marks contracts, in every copy and version of this library. */
const BRAND = Symbol.for('nestjs-nats-jetstream:message-contract');

/**
 * A message that services exchange: its subject with named tokens, and the schema of its payload. Created by
 * {@link defineMessage}. Publishers and handlers that use it agree on both.
 */
export class MessageContract<
  Subject extends string = string,
  Input = unknown,
  Output = unknown,
  Name extends string = string,
  Core extends boolean = boolean,
> {
  /** The types of the message, for {@link PayloadOf} and {@link ParamsOf}. There is no such property at run time. */
  readonly '~types'?: {
    readonly params: SubjectParams<Subject>;
    readonly input: Input;
    readonly output: Output;
    readonly core: Core;
  };
  /** The subject as it was defined, such as `orders.:id.placed`. */
  readonly template: Subject;
  /** The name of the message, unique in an application. */
  readonly name: Name;
  /** The subject with a wildcard for each parameter, such as `orders.*.placed`. */
  readonly filter: SubjectFilter<Subject>;
  /** Whether the message is sent over core NATS, and not stored in a stream. */
  readonly core: Core;
  /** When payloads are validated. */
  readonly validate: MessageValidation;
  /** The schema of payloads; a class as a Standard Schema. */
  readonly schema: StandardSchema<Input, Output> | undefined;
  /** The media type of payloads; `undefined` for that of the stream's or module's codec. */
  readonly contentType: string | undefined;
  /** One sentence that describes the message. */
  readonly summary: string | undefined;
  /** A longer description, in Markdown. */
  readonly description: string | undefined;
  /** Payloads, as they are published. */
  readonly examples: readonly Input[];
  /** Descriptions of the headers that publishers add, by their names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Groups the message in documentation. */
  readonly tags: readonly string[];
  private readonly parts: SubjectTemplate;

  /** @internal Created by `defineMessage`. */
  constructor(definition: MessageDefinition<Subject, unknown, Name, Core>) {
    const { subject, name, core = false, validate = 'both', schema } = definition;
    this.parts = new SubjectTemplate(subject);
    this.template = subject;
    this.filter = this.parts.filter as SubjectFilter<Subject>;
    this.name = name ?? (this.parts.name as Name);
    this.core = core as Core;
    this.validate = validate;
    this.schema = toSchema(schema) as StandardSchema<Input, Output> | undefined;
    this.contentType = definition.contentType;
    this.summary = definition.summary;
    this.description = definition.description;
    this.examples = (definition.examples ?? []) as readonly Input[];
    this.headers = definition.headers ?? {};
    this.tags = definition.tags ?? [];
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** The pattern for `@EventPattern` and `@MessagePattern` of Nest: the same as {@link filter}. */
  get pattern(): SubjectFilter<Subject> {
    return this.filter;
  }

  /**
   * The subject of one message, such as `orders.7.placed`.
   *
   * @throws {@link InvalidArgumentError} if a parameter is missing, is empty, or contains `.`, `*`, `>`, white space or
   * control characters; `rest` may have several tokens
   */
  subject(params: SubjectParams<Subject>): string {
    return this.parts.fill(params);
  }

  /** Whether a message with this subject is one of this contract. */
  matches(subject: string): boolean {
    return this.parts.parse(subject) !== undefined;
  }

  /**
   * The parameters in the subject of a message.
   *
   * @throws {@link InvalidSubjectError} if the subject is not one of this contract
   */
  parse(subject: string): SubjectParams<Subject> {
    const values = typeof (subject as unknown) === 'string' ? this.parts.parse(subject) : undefined;
    if (values !== undefined) return values as SubjectParams<Subject>;
    throw new InvalidSubjectError(
      nameText(subject),
      `it does not match "${this.template}", the subject of the message "${this.name}"`,
    );
  }

  /** @internal The schema of payloads that are published; `undefined` if they are not validated. */
  get publishSchema(): StandardSchema | undefined {
    return this.validate === 'both' || this.validate === 'publish' ? this.schema : undefined;
  }

  /** @internal The schema of payloads that handlers receive; `undefined` if they are not validated. */
  get consumeSchema(): StandardSchema | undefined {
    return this.validate === 'both' || this.validate === 'consume' ? this.schema : undefined;
  }

  /**
   * @internal Loads the packages that its schema needs.
   *
   * @throws {@link PackageNotInstalledError}; {@link InvalidArgumentError} if its class has no decorators
   */
  async prepare(): Promise<void> {
    if (isInstance(this.schema, ClassSchema)) await this.schema.load();
  }
}

/** The type of the payload that handlers of a message receive: the output of its schema. */
export type PayloadOf<Contract extends MessageContract> = NonNullable<Contract['~types']>['output'];

/** The type of the payload that is published: the input of the message's schema. */
export type PayloadInputOf<Contract extends MessageContract> = NonNullable<Contract['~types']>['input'];

/** The type of the parameters in a message's subject. */
export type ParamsOf<Contract extends MessageContract> = NonNullable<Contract['~types']>['params'];

/** A received message of one of several contracts; its `name` distinguishes them. */
export type ReceivedOf<Contract extends MessageContract> = Contract extends MessageContract
  ? {
      /** The name of the contract. */
      readonly name: Contract['name'];
      readonly params: ParamsOf<Contract>;
      readonly payload: PayloadOf<Contract>;
    }
  : never;

/** One contract, or a list of them. */
export type Contracts = MessageContract | readonly MessageContract[];

/** The contracts of a list, as a union. */
export type EachOf<Given extends Contracts> = Given extends readonly (infer Contract extends
  MessageContract)[]
  ? Contract
  : Extract<Given, MessageContract>;

/** Whether a value is a contract, possibly of another copy of this library. */
export function isMessageContract(value: unknown): value is MessageContract {
  return propertyOf(value, BRAND) === true;
}

function toSchema(schema: unknown): StandardSchema | undefined {
  if (schema === undefined) return undefined;
  if (isSchema(schema)) return schema;
  return new ClassSchema(schema as PayloadClass);
}

function isSchema(value: unknown): value is StandardSchema {
  try {
    return isStandardSchema(value);
  } catch (cause) {
    throw new InvalidArgumentError('schema', `it cannot be read: ${errorText(cause)}`, { cause });
  }
}
