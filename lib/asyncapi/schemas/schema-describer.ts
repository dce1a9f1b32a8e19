import type { StandardSchema } from '../../contracts/index.js';
import { errorText } from '../../reporting/index.js';
import { hasMethods } from '../../validation/index.js';
import { describeArkType } from './arktype.js';
import { ClassSchemas } from './class-schemas.js';
import { type Described, isSchemaObject, type RawDescription, TARGET } from './described.js';
import { type SchemaStore, withGlobalReferences } from './local-references.js';
import { describeValibot } from './valibot.js';
import { describeZod, isZod4 } from './zod.js';

/** The methods of Standard JSON Schema (https://standardschema.dev). */
interface Convertible {
  readonly jsonSchema?: { input?(options: { readonly target: string }): unknown } | undefined;
}

/** Describes schemas of all supported kinds by JSON Schema. It never throws. */
export class SchemaDescriber {
  private readonly classes: ClassSchemas;

  /** @param store receives classes, and the definitions of schemas */
  constructor(private readonly store: SchemaStore) {
    this.classes = new ClassSchemas(store);
  }

  /**
   * Describes the input of a schema: what is sent. A part that cannot be described accepts any value.
   *
   * @param key the preferred key in the document, if the schema has to be stored there
   */
  async ofSchema(schema: StandardSchema, key: string): Promise<Described> {
    try {
      const type = classOf(schema);
      if (type !== undefined) return await this.classes.describe(type);
      const raw = await describe(schema);
      return { schema: withGlobalReferences(raw, key, this.store), problems: raw.problems };
    } catch (error) {
      return { schema: {}, problems: [errorText(error)] };
    }
  }

  /** Describes the declared type of a parameter; `undefined` if nothing is known about it. */
  async ofType(type: unknown): Promise<Described | undefined> {
    try {
      return await this.classes.describeType(type);
    } catch (error) {
      return { schema: {}, problems: [errorText(error)] };
    }
  }

  /** Whether anything is known about a declared type. If its metadata cannot be read, {@link ofType} returns the reason. */
  async knows(type: unknown): Promise<boolean> {
    return this.classes.knows(type).catch(() => true);
  }

  /** Whether a class has decorators of class-validator or `@nestjs/swagger`. */
  async isDescribed(type: unknown): Promise<boolean> {
    return this.classes.isDescribed(type).catch(() => true);
  }
}

/** The class of a contract whose schema is a class. */
function classOf(schema: StandardSchema): (new (...args: never[]) => object) | undefined {
  if (schema['~standard'].vendor !== 'class-validator') return undefined;
  const { type } = schema as unknown as { readonly type?: unknown };
  return typeof type === 'function' ? (type as new () => object) : undefined;
}

async function describe(schema: StandardSchema): Promise<RawDescription> {
  const standard: StandardSchema['~standard'] & Convertible = schema['~standard'];
  const { vendor } = standard;
  // zod describes itself as a Standard JSON Schema too, but not if any part of it has no representation.
  if (vendor === 'zod' && isZod4(schema)) return describeZod(schema);
  if (vendor === 'arktype') return describeArkType(schema);
  const { jsonSchema } = standard;
  if (jsonSchema !== undefined && hasMethods(jsonSchema, ['input'])) {
    const described = jsonSchema.input?.({ target: TARGET });
    return { schema: isSchemaObject(described) ? described : {}, problems: [] };
  }
  if (vendor === 'valibot') return describeValibot(schema);
  if (vendor === 'zod') {
    throw new Error(
      'schemas of zod 3 cannot be described. Update to zod 4, or create the schema with "zod/v4" of zod 3.25',
    );
  }
  throw new Error(
    `a schema of "${vendor}" does not implement Standard JSON Schema. Update the library, or add "~standard".jsonSchema to the schema`,
  );
}
