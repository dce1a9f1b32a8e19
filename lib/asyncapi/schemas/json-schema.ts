/**
 * A JSON Schema of draft 07, as AsyncAPI uses it by default. References lead to `#/components/schemas/…` of the document.
 */
export type JsonSchema = boolean | JsonSchemaObject;

/** The keywords of a schema. Libraries add further ones, so all values are `unknown` here. */
export interface JsonSchemaObject {
  readonly [keyword: string]: unknown;
}
