import 'reflect-metadata';
import { propertyOf } from '../../reporting/index.js';
import type { Described } from './described.js';
import type { JsonSchema, JsonSchemaObject } from './json-schema.js';
import { type SchemaStore, SCHEMAS } from './local-references.js';
import { SIMPLE } from './simple-types.js';
import { type SwaggerProperty, swaggerProperties } from './swagger-properties.js';
import { type NestedType, type ValidatedProperty, ValidatorMetadata } from './validator-properties.js';
import { keywordsOf } from './validator-keywords.js';

type Class = new (...args: never[]) => object;

/** Keywords of the value itself; those of its type are replaced by more specific ones. */
const OF_THE_LIST = new Set([
  'minItems',
  'maxItems',
  'uniqueItems',
  'description',
  'title',
  'default',
  'examples',
]);

/**
 * Describes classes by the decorators of class-validator and `@nestjs/swagger`. Each class is stored once among the
 * schemas of the document, so that classes may refer to each other.
 */
export class ClassSchemas {
  private readonly validators = new ValidatorMetadata();
  private readonly keys = new Map<Class, string>();

  constructor(private readonly store: SchemaStore) {}

  /** Describes a class by a reference. */
  async describe(type: Class): Promise<Described> {
    return { schema: await this.referenceTo(type), problems: [] };
  }

  /** Describes a declared type; `undefined` if it says nothing about the value. */
  async describeType(type: unknown): Promise<Described | undefined> {
    if (!(await this.knows(type))) return undefined;
    const simple = SIMPLE.get(type);
    return simple === undefined ? this.describe(type as Class) : { schema: simple, problems: [] };
  }

  /** Whether a declared type says anything about the value. Nothing is stored. */
  async knows(type: unknown): Promise<boolean> {
    const simple = SIMPLE.get(type);
    return simple === undefined ? this.isDescribed(type) : Object.keys(simple).length > 0;
  }

  /** Whether a value is a class with decorators that describe it. */
  async isDescribed(type: unknown): Promise<boolean> {
    if (!isClass(type) || SIMPLE.has(type)) return false;
    return swaggerProperties(type).size > 0 || (await this.validators.propertiesOf(type)).size > 0;
  }

  private async referenceTo(type: Class): Promise<JsonSchema> {
    let key = this.keys.get(type);
    if (key === undefined) {
      key = this.store.reserve(nameOfClass(type));
      // Stored before its properties are read, because they may refer to it.
      this.keys.set(type, key);
      try {
        this.store.put(key, await this.schemaOf(type));
      } catch (error) {
        // Other classes may already refer to it.
        this.store.put(key, {});
        throw error;
      }
    }
    return { $ref: SCHEMAS + key };
  }

  private async schemaOf(type: Class): Promise<JsonSchema> {
    const validated = await this.validators.propertiesOf(type);
    const described = swaggerProperties(type);
    // Not an object, in which the name `__proto__` would set its prototype.
    const properties = new Map<string, JsonSchema>();
    const required: string[] = [];
    for (const name of new Set([...validated.keys(), ...described.keys()])) {
      const [rules, api] = [validated.get(name), described.get(name)];
      properties.set(name, await this.property(type, name, rules, api));
      if (rules?.optional !== true && api?.required !== false) required.push(name);
    }
    return {
      type: 'object',
      properties: Object.fromEntries(properties),
      ...(required.length > 0 ? { required } : {}),
    };
  }

  private async property(
    type: Class,
    name: string,
    rules: ValidatedProperty | undefined,
    api: SwaggerProperty | undefined,
  ): Promise<JsonSchema> {
    const declared: unknown = Reflect.getMetadata('design:type', type.prototype as object, name);
    const validations = rules?.validations ?? [];
    const whole = merged(validations.filter(({ each }) => !each));
    const items = merged(validations.filter(({ each }) => each));
    const isEach = validations.some(({ each }) => each);
    const isMap = declared === Map;
    const isList =
      !isMap &&
      (api?.isArray === true || declared === Array || declared === Set || whole.type === 'array' || isEach);
    const { keywords = {} } = api ?? {};
    const own = await this.valueOf(rules?.nested, api, isList || (isMap && isEach) ? undefined : declared);
    if (!isList && !(isMap && isEach)) return nullable(combined(own, { ...keywords, ...whole }), api);
    const ofAll = pick(keywords, (keyword) => OF_THE_LIST.has(keyword));
    const ofItems = pick(keywords, (keyword) => !OF_THE_LIST.has(keyword));
    const each = combined(own, { ...ofItems, ...items });
    const members = isMap ? { type: 'object', additionalProperties: each } : { type: 'array', items: each };
    return nullable({ ...ofAll, ...whole, ...members }, api);
  }

  /** The schema of a property, or of the items of one that is a list or a map. */
  private async valueOf(
    nested: NestedType | undefined,
    api: SwaggerProperty | undefined,
    declared: unknown,
  ): Promise<JsonSchemaObject> {
    const { discriminator, type } = nested ?? {};
    if (discriminator !== undefined) {
      const { property, subTypes } = discriminator;
      const anyOf: JsonSchemaObject[] = [];
      for (const { value, name } of subTypes) {
        const named = { properties: { [property]: { const: name } }, required: [property] };
        anyOf.push({ allOf: [await this.typeOf(value), named] });
      }
      return { anyOf };
    }
    if (api?.items !== undefined) return api.items;
    const { type: named } = api ?? {};
    // TypeScript emits `Array` for a list, which says nothing about its items.
    const isUnnamed = named === undefined || named === 'array' || named === Array;
    return this.typeOf(type ?? (isUnnamed ? declared : named));
  }

  /** The schema of a declared type; empty if it says nothing. */
  private async typeOf(type: unknown): Promise<JsonSchemaObject> {
    const simple = SIMPLE.get(type);
    if (simple !== undefined) return simple;
    if (await this.isDescribed(type)) return (await this.referenceTo(type as Class)) as JsonSchemaObject;
    return isClass(type) ? { type: 'object' } : {};
  }
}

/** The keywords of several decorators. Stricter types come later in the list of decorators of one property. */
function merged(validations: ValidatedProperty['validations']): JsonSchemaObject {
  const all: Record<string, unknown> = {};
  for (const { name, args } of validations) {
    const { type, ...keywords } = keywordsOf(name, args);
    Object.assign(all, keywords);
    if (type !== undefined && !(all.type === 'integer' && type === 'number')) all.type = type;
  }
  return all;
}

/** Adds keywords to a type. Draft 07 ignores keywords next to a reference. */
function combined(type: JsonSchemaObject, keywords: JsonSchemaObject): JsonSchemaObject {
  if (!('$ref' in type)) return { ...type, ...keywords };
  const { type: _, ...others } = keywords;
  return Object.keys(others).length === 0 ? type : { allOf: [type], ...others };
}

function nullable(schema: JsonSchemaObject, api: SwaggerProperty | undefined): JsonSchemaObject {
  return api?.nullable === true ? { anyOf: [schema, { type: 'null' }] } : schema;
}

function pick(from: JsonSchemaObject, wanted: (keyword: string) => boolean): JsonSchemaObject {
  return Object.fromEntries(Object.entries(from).filter(([keyword]) => wanted(keyword)));
}

/** The name of a class. It may have a static member of this name. */
export function nameOfClass(type: unknown): string {
  const name = propertyOf(type, 'name');
  return typeof name === 'string' && name !== '' ? name : 'Payload';
}

function isClass(type: unknown): type is Class {
  return typeof type === 'function' && typeof type.prototype === 'object' && type.prototype !== null;
}
