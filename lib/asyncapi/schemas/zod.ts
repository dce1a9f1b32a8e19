import { DATE_TIME, type RawDescription } from './described.js';
import type { JsonSchemaObject } from './json-schema.js';

/** Types of zod without a representation in JSON. Others, such as `any`, also have an empty description. */
const WITHOUT_JSON = new Set([
  'bigint',
  'custom',
  'function',
  'map',
  'nan',
  'promise',
  'set',
  'symbol',
  'transform',
  'undefined',
  'void',
]);

/** A part of a schema, as zod passes it. Older versions of zod 4 pass no path. */
interface Part {
  readonly zodSchema: { readonly _zod: { readonly def: { readonly type: string } } };
  readonly jsonSchema: Record<string, unknown>;
  readonly path?: readonly PropertyKey[];
}

interface ZodOptions {
  readonly target: 'draft-07' | 'draft-7';
  readonly io: 'input';
  readonly unrepresentable: 'any';
  readonly override: (part: Part) => void;
}

type Convert = (schema: object, options: ZodOptions) => JsonSchemaObject;

/** Whether a schema is one of zod 4, which can describe itself; zod 3 cannot. */
export function isZod4(schema: object): boolean {
  return '_zod' in schema;
}

/** Describes the input of a schema of zod 4. */
export async function describeZod(schema: object): Promise<RawDescription> {
  const convert = await converterOf(schema);
  const problems: string[] = [];
  const options = {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema, path = [] }: Part): void => {
      const { type } = zodSchema._zod.def;
      if (Object.keys(jsonSchema).length > 0) return;
      // The codec encodes a date as text, which `z.coerce.date()` reads.
      if (type === 'date') Object.assign(jsonSchema, DATE_TIME);
      else if (WITHOUT_JSON.has(type)) problems.push(`${placeOf(path)}${type} of zod has no JSON Schema`);
    },
  } as const;
  try {
    return { schema: convert(schema, { ...options, target: 'draft-07' }), problems };
  } catch {
    // The first versions of zod 4 have another name for the draft.
    problems.length = 0;
    return { schema: convert(schema, { ...options, target: 'draft-7' }), problems };
  }
}

/** The method of the schema itself, which newer versions have; otherwise the function of the installed zod. */
async function converterOf(schema: object): Promise<Convert> {
  const own = (schema as { readonly toJSONSchema?: unknown }).toJSONSchema;
  if (typeof own === 'function') {
    return (given, options) => (own as (options: ZodOptions) => JsonSchemaObject).call(given, options);
  }
  const { toJSONSchema } = await import('zod/v4/core');
  return toJSONSchema;
}

/** The properties that lead to a part of a schema, without the keywords between them. */
function placeOf(path: readonly PropertyKey[]): string {
  const names = path.filter((_, i) => path[i - 1] === 'properties').map(String);
  return names.length === 0 ? '' : `${names.join('.')}: `;
}
