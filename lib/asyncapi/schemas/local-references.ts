import { isSchemaObject, type RawDescription } from './described.js';
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
      this.store.put(this.keys.get(name) ?? name, this.rewrite(this.definitions[name]) as JsonSchema);
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
    return Object.fromEntries(
      Object.entries(value).map(([keyword, each]) => [
        keyword,
        keyword === '$ref' && typeof each === 'string' && each.startsWith('#')
          ? this.target(each)
          : this.rewrite(each),
      ]),
    );
  }

  private target(reference: string): string {
    const [, place, name, ...path] = reference.split('/');
    if ((place === '$defs' || place === 'definitions') && name !== undefined) {
      return [SCHEMAS + this.keyOf(decoded(name)), ...path].join('/');
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

/** A name in a reference, which is part of a JSON pointer in a URI. */
function decoded(name: string): string {
  const text = name.replaceAll('~1', '/').replaceAll('~0', '~');
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
