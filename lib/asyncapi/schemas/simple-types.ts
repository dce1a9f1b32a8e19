import { DATE_TIME } from './described.js';
import type { JsonSchemaObject } from './json-schema.js';

/** The types of properties that TypeScript emits, or that users name, and that are not classes of payloads. */
export const SIMPLE: ReadonlyMap<unknown, JsonSchemaObject> = new Map<unknown, JsonSchemaObject>([
  [String, { type: 'string' }],
  [Number, { type: 'number' }],
  [Boolean, { type: 'boolean' }],
  [Date, DATE_TIME],
  [URL, { type: 'string', format: 'uri' }],
  [Array, { type: 'array' }],
  [Set, { type: 'array' }],
  [Map, { type: 'object' }],
  [Object, {}],
  // TypeScript emits these too, and JSON does not have them.
  [Function, {}],
  [Promise, {}],
  [Symbol, {}],
  [BigInt, {}],
  ['string', { type: 'string' }],
  ['number', { type: 'number' }],
  ['integer', { type: 'integer' }],
  ['boolean', { type: 'boolean' }],
  ['object', { type: 'object' }],
  ['array', { type: 'array' }],
  ['null', { type: 'null' }],
]);
