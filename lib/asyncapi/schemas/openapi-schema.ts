import { isSchemaObject } from './described.js';
import type { JsonSchema, JsonSchemaObject } from './json-schema.js';

const TYPES: readonly unknown[] = ['array', 'boolean', 'integer', 'null', 'number', 'object', 'string'];

/** Keywords that OpenAPI has and JSON Schema has not, or has with another meaning. */
const OTHERS = new Set([
  'nullable',
  'example',
  'discriminator',
  'xml',
  'externalDocs',
  'enumName',
  'isArray',
  'required',
  'exclusiveMinimum',
  'exclusiveMaximum',
]);

/**
 * A schema of OpenAPI that a user wrote, as JSON Schema. A reference leads to a schema of the OpenAPI document, which is
 * another one, so its target accepts any value here.
 */
export function fromOpenApi(given: unknown): JsonSchema {
  if (typeof given === 'boolean') return given;
  if (!isSchemaObject(given) || typeof given.$ref === 'string') return {};
  const { nullable, example, required, minimum, maximum, exclusiveMinimum, exclusiveMaximum } = given;
  const entries = Object.entries(given).flatMap(([keyword, value]): [string, unknown][] =>
    OTHERS.has(keyword) || (keyword === 'type' && !isType(value))
      ? []
      : [[keyword, converted(keyword, value)]],
  );
  const schema: Record<string, unknown> = Object.fromEntries(entries);
  if (Array.isArray(required)) schema.required = required;
  if (example !== undefined) schema.examples = [example];
  limit(schema, 'Minimum', minimum, exclusiveMinimum);
  limit(schema, 'Maximum', maximum, exclusiveMaximum);
  return nullable === true ? { anyOf: [schema, { type: 'null' }] } : schema;
}

/** Schemas inside of a schema, by its keyword; other values stay as they are. */
function converted(keyword: string, value: unknown): unknown {
  switch (keyword) {
    case 'items':
    case 'not':
    case 'additionalProperties':
      return fromOpenApi(value);
    case 'oneOf':
    case 'anyOf':
    case 'allOf':
      return Array.isArray(value) ? value.map(fromOpenApi) : [];
    case 'properties':
    case 'patternProperties':
      return Object.fromEntries(Object.entries(value ?? {}).map(([name, each]) => [name, fromOpenApi(each)]));
    default:
      return value;
  }
}

function isType(value: unknown): boolean {
  return Array.isArray(value) ? value.every((each) => TYPES.includes(each)) : TYPES.includes(value);
}

/** OpenAPI 3.0 has a flag that excludes the limit; OpenAPI 3.1, as JSON Schema, has the limit itself. */
function limit(schema: Record<string, unknown>, name: string, value: unknown, exclusive: unknown): void {
  const inclusive = name.toLowerCase();
  if (exclusive === true) {
    schema[`exclusive${name}`] = value;
    delete schema[inclusive];
  } else if (typeof exclusive === 'number') schema[`exclusive${name}`] = exclusive;
}

/** An object, which a schema that accepts or refuses everything is not. */
export function asObject(schema: JsonSchema): JsonSchemaObject {
  if (typeof schema === 'object') return schema;
  return schema ? {} : { not: {} };
}
