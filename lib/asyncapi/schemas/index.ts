export { nameOfClass } from './class-schemas.js';
export type { Described } from './described.js';
export { namesOfReference, partAt } from './json-pointer.js';
export type { JsonSchema, JsonSchemaObject } from './json-schema.js';
export { type SchemaStore, SCHEMAS } from './local-references.js';
export { SchemaDescriber } from './schema-describer.js';
