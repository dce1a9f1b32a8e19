import type { JsonSchema, JsonSchemaObject } from './json-schema.js';

/** A description of a schema, and the reasons why parts of it are missing. */
export interface Described {
  readonly schema: JsonSchema;
  readonly problems: readonly string[];
}

/** The description of a schema as a library returns it, with references to its own definitions. */
export interface RawDescription {
  readonly schema: JsonSchemaObject;
  readonly problems: readonly string[];
}

/** The draft that AsyncAPI schemas are based on, as Standard JSON Schema and most libraries name it. */
export const TARGET = 'draft-07';

/** A time in JSON: a `Date` is encoded in this form. */
export const DATE_TIME: JsonSchemaObject = { type: 'string', format: 'date-time' };

/** Whether a value is an object whose properties are keywords. */
export function isSchemaObject(value: unknown): value is JsonSchemaObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
