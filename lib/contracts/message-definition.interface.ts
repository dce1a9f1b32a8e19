import type { PayloadClass } from './class-schema.js';
import type { SchemaInput, SchemaOutput, StandardSchema } from './standard-schema.js';

/** When the payloads of a message are validated. */
export type MessageValidation = 'publish' | 'consume' | 'both' | 'off';

/** The schema of a message's payload: any Standard Schema, or a class with decorators of class-validator. */
export type MessageSchema = StandardSchema | PayloadClass;

/** The type of the payloads that a schema accepts: those that are published. */
export type InputOfSchema<Schema> =
  Schema extends PayloadClass<infer Payload> ? Payload : SchemaInput<Schema>;

/** The type of the payloads that a schema returns: those that handlers receive. */
export type OutputOfSchema<Schema> =
  Schema extends PayloadClass<infer Payload> ? Payload : SchemaOutput<Schema>;

/** The definition of a message for `defineMessage`. */
export interface MessageDefinition<
  Subject extends string = string,
  Schema = MessageSchema,
  Name extends string = string,
  Core extends boolean = boolean,
> {
  /**
   * The subject. A token that begins with a colon is a parameter, as in `orders.:id.placed`; a last `>` stands for one
   * or more tokens and is the parameter `rest`.
   */
  readonly subject: Subject;
  /**
   * Validates payloads: any Standard Schema, such as those of zod, Valibot and ArkType, or a class with decorators of
   * class-validator (needs the packages `class-validator` and `class-transformer`). Default: payloads of any type.
   */
  readonly schema?: Schema | undefined;
  /**
   * The name of the message, unique in an application. Default: the subject without colons, with `rest` for `>`; for
   * example `orders.id.placed`.
   */
  readonly name?: Name | undefined;
  /**
   * When payloads are validated: before they are published, before a handler receives them, or both. Default `both`.
   * Without validation for handlers, they receive the payload as it was decoded.
   */
  readonly validate?: MessageValidation | undefined;
  /** Whether the message is sent over core NATS, at most once, and not stored in a stream. Default `false`. */
  readonly core?: Core | undefined;
  /**
   * The media type of payloads. It selects the codec of published messages among JSON, text, bytes and the module's
   * `codecs`. Default: the codec of the stream, otherwise that of the module.
   */
  readonly contentType?: string | undefined;
  /** One sentence that describes the message. */
  readonly summary?: string | undefined;
  /** A longer description, in Markdown. */
  readonly description?: string | undefined;
  /** Payloads, as they are published, for documentation. */
  readonly examples?: readonly InputOfSchema<Schema>[] | undefined;
  /** Descriptions of the headers that publishers add, by their names, for documentation. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Groups the message in documentation. */
  readonly tags?: readonly string[] | undefined;
}
