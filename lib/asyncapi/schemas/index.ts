export type { JsonSchema, JsonSchemaObject } from './json-schema.js';
