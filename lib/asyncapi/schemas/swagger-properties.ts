import 'reflect-metadata';
import type { JsonSchemaObject } from './json-schema.js';
import { asObject, fromOpenApi } from './openapi-schema.js';
import { enumValues } from './validator-keywords.js';

/** The metadata keys of `@nestjs/swagger`, which does not have to be installed to read them. */
const NAMES = 'swagger/apiModelPropertiesArray';
const PROPERTY = 'swagger/apiModelProperties';
/** The static method that the plugin of `@nestjs/swagger` adds to classes. */
const FACTORY = '_OPENAPI_METADATA_FACTORY';

/** The options of `@ApiProperty` of a property. */
export interface SwaggerProperty {
  /** The type of the property, or of its items. */
  readonly type: unknown;
  readonly isArray: boolean;
  readonly required: boolean;
  readonly nullable: boolean;
  /** A schema of its items, in place of their type. */
  readonly items: JsonSchemaObject | undefined;
  /** Keywords that have the same meaning in JSON Schema. */
  readonly keywords: JsonSchemaObject;
}

/** The keywords of OpenAPI that are the same in JSON Schema. */
const SAME = [
  'title',
  'description',
  'default',
  'format',
  'pattern',
  'minimum',
  'maximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'minProperties',
  'maxProperties',
] as const;
/** Keywords of lists. */
const OF_LISTS = ['minItems', 'maxItems', 'uniqueItems'] as const;

/** Keywords with schemas inside, and those of an object whose properties are written in place. */
const COMPOSED = ['oneOf', 'anyOf', 'allOf', 'not', 'additionalProperties', 'properties'] as const;

type Given = Readonly<Record<string, unknown>>;

/** The properties of a class with `@ApiProperty`, or with what the plugin added, by their names. */
export function swaggerProperties(type: {
  readonly prototype: object;
}): ReadonlyMap<string, SwaggerProperty> {
  const properties = new Map<string, Given>();
  for (const each of chainOf(type)) {
    for (const [name, given] of Object.entries(pluginProperties(each))) properties.set(name, given);
  }
  const listed = (Reflect.getMetadata(NAMES, type.prototype) ?? []) as readonly string[];
  for (const name of listed.map((each) => each.replace(/^:/, ''))) {
    const given = (Reflect.getMetadata(PROPERTY, type.prototype, name) ?? {}) as Given;
    properties.set(name, { ...properties.get(name), ...given });
  }
  return new Map([...properties].map(([name, given]) => [name, read(given)]));
}

function read(given: Given): SwaggerProperty {
  const type = resolved(given.type);
  const listed = Array.isArray(type) ? (type as readonly unknown[]) : undefined;
  const keywords: Record<string, unknown> = {};
  const written = [...SAME, ...OF_LISTS, ...COMPOSED, 'exclusiveMinimum', 'exclusiveMaximum'] as const;
  const picked = written.filter((name) => given[name] !== undefined).map((name) => [name, given[name]]);
  Object.assign(keywords, fromOpenApi(Object.fromEntries(picked)));
  if (Array.isArray(given.required)) keywords.required = given.required;
  const values = typeof given.enum === 'function' ? (given.enum as () => unknown)() : given.enum;
  if (values !== undefined) keywords.enum = enumValues(values);
  if (given.example !== undefined) keywords.examples = [given.example];
  else if (Array.isArray(given.examples)) keywords.examples = given.examples;
  return {
    type: listed === undefined ? type : resolved(listed[0]),
    items: given.items === undefined ? undefined : asObject(fromOpenApi(given.items)),
    isArray: listed !== undefined || given.isArray === true || given.type === 'array',
    required: given.required !== false,
    nullable: given.nullable === true,
    keywords,
  };
}

/** The type that a function returns: `type: () => Order` avoids cycles of imports. A class is returned as it is. */
function resolved(type: unknown): unknown {
  if (typeof type !== 'function' || type.prototype !== undefined) return type;
  return (type as () => unknown)();
}

function pluginProperties(type: object): Readonly<Record<string, Given>> {
  if (!Object.hasOwn(type, FACTORY)) return {};
  const factory: unknown = Reflect.get(type, FACTORY);
  return typeof factory === 'function' ? (factory.call(type) as Readonly<Record<string, Given>>) : {};
}

/** A class and those that it extends, from the base on. */
function chainOf(type: object): readonly object[] {
  const parent: unknown = Object.getPrototypeOf(type);
  return typeof parent === 'function' && parent !== Function.prototype ? [...chainOf(parent), type] : [type];
}
