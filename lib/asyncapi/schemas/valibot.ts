import { PackageNotInstalledError } from '../../errors/index.js';
import { DATE_TIME, type RawDescription } from './described.js';
import type { JsonSchemaObject } from './json-schema.js';

const PACKAGE = '@valibot/to-json-schema';

interface Part {
  readonly valibotSchema: { readonly type: string };
  readonly jsonSchema: JsonSchemaObject;
  readonly errors?: readonly string[] | undefined;
}

interface Action {
  readonly valibotAction: { readonly type: string; readonly kind?: string };
  readonly jsonSchema: JsonSchemaObject;
  readonly errors?: readonly string[] | undefined;
}

interface ValibotOptions {
  readonly target: 'draft-07';
  readonly typeMode: 'input';
  readonly errorMode: 'ignore';
  readonly overrideSchema: (part: Part) => JsonSchemaObject | undefined;
  readonly overrideAction: (action: Action) => JsonSchemaObject | undefined;
}

/**
 * Describes the input of a schema of Valibot, with the package `@valibot/to-json-schema`.
 *
 * @throws {@link PackageNotInstalledError}
 */
export async function describeValibot(schema: object): Promise<RawDescription> {
  const convert = await load();
  const problems = new Set<string>();
  const described = convert(schema, {
    target: 'draft-07',
    typeMode: 'input',
    errorMode: 'ignore',
    overrideSchema: ({ valibotSchema, errors }) => {
      if (valibotSchema.type === 'date') return DATE_TIME;
      for (const error of errors ?? []) problems.add(error);
      return undefined;
    },
    overrideAction: ({ errors }) => {
      for (const error of errors ?? []) problems.add(error);
      return undefined;
    },
  });
  return { schema: described, problems: [...problems] };
}

async function load(): Promise<(schema: object, options: ValibotOptions) => JsonSchemaObject> {
  try {
    const { toJsonSchema } = await import('@valibot/to-json-schema');
    return toJsonSchema as unknown as (schema: object, options: ValibotOptions) => JsonSchemaObject;
  } catch (cause) {
    throw new PackageNotInstalledError(
      PACKAGE,
      'A schema of Valibot in a document',
      'define the schema with zod 4 or ArkType',
      { cause },
    );
  }
}
