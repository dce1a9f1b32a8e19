import { DATE_TIME, isSchemaObject, type RawDescription, TARGET } from './described.js';
import type { JsonSchemaObject } from './json-schema.js';

/** A part of a type without a representation in JSON Schema, as ArkType passes it. */
interface Part {
  readonly code: string;
  /** What can be described of it. */
  readonly base: JsonSchemaObject;
}

/** The members of ArkType's types that are used here. */
interface ArkType {
  /** The type of its input. */
  readonly in?: ArkType;
  toJsonSchema?(options: {
    readonly target: string;
    readonly dialect: null;
    readonly fallback: (part: Part) => JsonSchemaObject;
  }): JsonSchemaObject;
}

/** Describes the input of a type of ArkType. */
export function describeArkType(schema: object): RawDescription {
  const type = schema as ArkType;
  const input = type.in ?? type;
  if (typeof input.toJsonSchema !== 'function') {
    throw new Error('this version of ArkType has no toJsonSchema; install a newer one');
  }
  const problems = new Set<string>();
  const described: unknown = input.toJsonSchema({
    target: TARGET,
    dialect: null,
    fallback: ({ code, base }) => {
      if (code === 'date') return { ...base, ...DATE_TIME };
      problems.add(`a ${code} of ArkType has no JSON Schema`);
      return base;
    },
  });
  return { schema: isSchemaObject(described) ? described : {}, problems: [...problems] };
}
