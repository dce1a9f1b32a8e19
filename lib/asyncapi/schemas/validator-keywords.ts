import { isInstance } from '../../reporting/index.js';
import type { JsonSchemaObject } from './json-schema.js';

/** The keywords for one decorator of class-validator, from its arguments. */
type Keywords = (args: readonly unknown[]) => JsonSchemaObject;

const text = (more: JsonSchemaObject = {}): Keywords => {
  return () => ({ type: 'string', ...more });
};

/** The decorators of class-validator that have keywords, by their names in its metadata. */
const KEYWORDS: Readonly<Record<string, Keywords>> = {
  isString: text(),
  isNumber: () => ({ type: 'number' }),
  isInt: () => ({ type: 'integer' }),
  isBoolean: () => ({ type: 'boolean' }),
  isObject: () => ({ type: 'object' }),
  isNotEmptyObject: () => ({ type: 'object', minProperties: 1 }),
  isArray: () => ({ type: 'array' }),
  isDate: text({ format: 'date-time' }),
  isEnum: ([entity]) => ({ enum: enumValues(entity) }),
  isIn: ([values]) => (Array.isArray(values) ? { enum: values } : {}),
  isNotIn: ([values]) => (Array.isArray(values) ? { not: { enum: values } } : {}),
  equals: ([value]) => ({ const: value }),
  notEquals: ([value]) => ({ not: { const: value } }),
  min: ([minimum]) => ({ minimum }),
  max: ([maximum]) => ({ maximum }),
  isPositive: () => ({ exclusiveMinimum: 0 }),
  isNegative: () => ({ exclusiveMaximum: 0 }),
  isDivisibleBy: ([multipleOf]) => ({ multipleOf }),
  minLength: ([minLength]) => ({ type: 'string', minLength }),
  maxLength: ([maxLength]) => ({ type: 'string', maxLength }),
  isLength: ([minLength, maxLength]) => ({
    type: 'string',
    ...(minLength === undefined ? {} : { minLength }),
    ...(maxLength === undefined ? {} : { maxLength }),
  }),
  matches: ([pattern, flags]) => ({ type: 'string', ...patternOf(pattern, flags) }),
  contains: ([part]) => ({ type: 'string', pattern: escaped(String(part)) }),
  arrayMinSize: ([minItems]) => ({ type: 'array', minItems }),
  arrayMaxSize: ([maxItems]) => ({ type: 'array', maxItems }),
  arrayNotEmpty: () => ({ type: 'array', minItems: 1 }),
  arrayUnique: () => ({ type: 'array', uniqueItems: true }),
  isEmail: text({ format: 'email' }),
  isUrl: text({ format: 'uri' }),
  isUuid: text({ format: 'uuid' }),
  isDateString: text({ format: 'date-time' }),
  isIso8601: text({ format: 'date-time' }),
  isRFC3339: text({ format: 'date-time' }),
  isFqdn: text({ format: 'hostname' }),
  isIp: ([version]) =>
    text(
      version === 4 || version === '4'
        ? { format: 'ipv4' }
        : version === 6 || version === '6'
          ? { format: 'ipv6' }
          : {},
    )([]),
  isMongoId: text({ pattern: '^[0-9a-fA-F]{24}$' }),
  isHexadecimal: text({ pattern: '^(0x|0h)?[0-9a-fA-F]+$' }),
  isHexColor: text({ pattern: '^#?([0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})$' }),
  isAlpha: ([locale]) => text(isEnglish(locale) ? { pattern: '^[A-Za-z]+$' } : {})([]),
  isAlphanumeric: ([locale]) => text(isEnglish(locale) ? { pattern: '^[0-9A-Za-z]+$' } : {})([]),
  isNumberString: text({ pattern: '^[+-]?([0-9]*[.])?[0-9]+$' }),
  isBooleanString: text({ enum: ['true', 'false', '1', '0'] }),
  isBase64: text({ contentEncoding: 'base64' }),
  isJson: text({ contentMediaType: 'application/json' }),
  isJwt: text(),
  isPhoneNumber: text(),
  // The keyword has no effect on other values than text.
  isNotEmpty: () => ({ minLength: 1 }),
};

/** The keywords of a decorator; none if it restricts values in a way that JSON Schema cannot describe. */
export function keywordsOf(name: string, args: readonly unknown[]): JsonSchemaObject {
  return Object.hasOwn(KEYWORDS, name) ? KEYWORDS[name](args) : {};
}

/** The values of a TypeScript enum, which also has the names of its numbers; or of a list. */
export function enumValues(entity: unknown): readonly unknown[] {
  if (Array.isArray(entity)) return entity;
  if (typeof entity !== 'object' || entity === null) return [];
  const members = entity as Readonly<Record<string, unknown>>;
  return Object.keys(members)
    .filter((name) => !isNameOfNumber(members, name))
    .map((name) => members[name]);
}

/** For a member `large = 1`, TypeScript adds the member `1: 'large'`. */
function isNameOfNumber(members: Readonly<Record<string, unknown>>, name: string): boolean {
  const value = members[name];
  return typeof value === 'string' && typeof members[value] === 'number' && String(members[value]) === name;
}

/** A pattern without flags; those with flags have no form in JSON Schema. */
function patternOf(pattern: unknown, flags: unknown): JsonSchemaObject {
  if (typeof pattern === 'string') return flags === undefined || flags === '' ? { pattern } : {};
  return isInstance(pattern, RegExp) && /^[gu]*$/.test(pattern.flags) ? { pattern: pattern.source } : {};
}

/** The default of class-validator. */
function isEnglish(locale: unknown): boolean {
  return locale === undefined || locale === 'en-US';
}

function escaped(part: string): string {
  return part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
