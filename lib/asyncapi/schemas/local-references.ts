import { isSchemaObject, type RawDescription } from './described.js';
import { namesOfReference } from './json-pointer.js';
import type { JsonSchema, JsonSchemaObject } from './json-schema.js';

/** The place of the schemas in a document. */
export const SCHEMAS = '#/components/schemas/';

/** Stores a schema among those of the document, and returns its key. */
export interface SchemaStore {
  /** @param preferred the key, if it is not taken */
  reserve(preferred: string): string;
  put(key: string, schema: JsonSchema): void;
}

/** Names that libraries generate. They may be different in each run. */
const GENERATED = /^(__schema)?\d+$|^(intersection|node|type|union|domain)\d+$/i;

/** Keywords whose members are schemas by names that users choose, which may be those of keywords. */
const MAPS = new Set(['properties', 'patternProperties', 'dependencies']);
/** Keywords whose values are data, in which `$ref` has no meaning. */
const DATA = new Set(['const', 'enum', 'default', 'examples']);

/**
 * Makes the references of a generated schema lead to the schemas of the document. A schema without references is
 * returned as it is.
 *
 * @param key the preferred key of the schema
 */
export function withGlobalReferences(
  { schema }: Pick<RawDescription, 'schema'>,
  key: string,
  store: SchemaStore,
): JsonSchema {
  return new Hoisting(plain(schema), key, store).result();
}

/** Moves the definitions of one schema, and the schema itself if it refers to itself, to the document. */
class Hoisting {
  private readonly definitions: Readonly<Record<string, unknown>>;
  private readonly body: JsonSchemaObject;
  /** The keys of the definitions that were found so far, in the order of their references. */
  private readonly keys = new Map<string, string>();
  private readonly open: string[] = [];
  private own: string | undefined;
  private generated = 0;

  constructor(
    root: JsonSchemaObject,
    private readonly key: string,
    private readonly store: SchemaStore,
  ) {
    const { $schema: _, $id: __, $defs = {}, definitions = {}, ...body } = root;
    this.definitions = { ...(definitions as object), ...($defs as object) };
    this.body = body;
  }

  result(): JsonSchema {
    const body = this.rewrite(this.body) as JsonSchemaObject;
    for (let name = this.open.shift(); name !== undefined; name = this.open.shift()) {
      const definition = Object.hasOwn(this.definitions, name) ? this.definitions[name] : {};
      this.store.put(this.keys.get(name) ?? name, this.rewrite(definition) as JsonSchema);
    }
    if (this.own === undefined) return body;
    this.store.put(this.own, body);
    return { $ref: SCHEMAS + this.own };
  }

  private rewrite(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((each) => this.rewrite(each));
    if (!isSchemaObject(value)) return value;
    const { allOf } = value;
    // Libraries write a reference in this form if it could have siblings.
    if (Array.isArray(allOf) && allOf.length === 1 && Object.keys(value).length === 1) {
      return this.rewrite(allOf[0]);
    }
    return mapped(value, (each, keyword) => {
      if (keyword === '$ref' && typeof each === 'string' && each.startsWith('#')) return this.target(each);
      if (DATA.has(keyword)) return each;
      if (MAPS.has(keyword) && isSchemaObject(each)) return mapped(each, (schema) => this.rewrite(schema));
      return this.rewrite(each);
    });
  }

  private target(reference: string): string {
    const [place, name] = namesOfReference(reference);
    if ((place === '$defs' || place === 'definitions') && name !== undefined) {
      return [SCHEMAS + this.keyOf(name), ...reference.split('/').slice(3)].join('/');
    }
    this.own ??= this.store.reserve(this.key);
    return SCHEMAS + this.own + reference.slice(1);
  }

  private keyOf(name: string): string {
    let key = this.keys.get(name);
    if (key === undefined) {
      const readable = GENERATED.test(name) ? String(++this.generated) : name;
      key = this.store.reserve(`${this.key}.${readable}`);
      this.keys.set(name, key);
      this.open.push(name);
    }
    return key;
  }
}

/** Without functions, `undefined` and other values that JSON does not have. */
function plain(schema: JsonSchemaObject): JsonSchemaObject {
  return JSON.parse(JSON.stringify(schema)) as JsonSchemaObject;
}

/** An object with the same members and other values. */
function mapped(
  from: Readonly<Record<string, unknown>>,
  change: (value: unknown, name: string) => unknown,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(from).map(([name, value]) => [name, change(value, name)]));
}
