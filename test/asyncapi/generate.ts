import type { JsonSchema } from 'nestjs-nats-jetstream/asyncapi';

type Schema = Readonly<Record<string, unknown>>;

/** Random numbers from a seed, so that a failure can be repeated. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const TEXTS: Readonly<Record<string, string>> = {
  'date-time': '2024-05-06T07:08:09.123Z',
  date: '2024-05-06',
  time: '07:08:09Z',
  email: 'sue@example.com',
  uri: 'https://example.com/path',
  uuid: '9f1f4c2e-6f0d-4c6a-8a3b-0e6c1d2f3a4b',
  hostname: 'example.com',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
};

/** Texts for the patterns of the tests. */
const PATTERNS: readonly string[] = [
  'AB-12',
  'abc',
  'ABC',
  '12',
  '0123456789abcdef01234567',
  '#a1b2c3',
  'sue@example.com',
];

/** Generates values that a schema accepts, with the keywords that the tests use. */
export class Generator {
  constructor(
    private readonly root: unknown,
    private readonly random: () => number,
  ) {}

  value(schema: JsonSchema, depth = 0): unknown {
    if (typeof schema === 'boolean') return 'anything';
    const target = this.resolve(schema);
    if ('const' in target) return target.const;
    if (Array.isArray(target.enum)) return this.one(target.enum as readonly unknown[]);
    for (const keyword of ['anyOf', 'oneOf']) {
      const options = target[keyword];
      if (Array.isArray(options)) return this.value(this.one(options as readonly JsonSchema[]), depth);
    }
    if (Array.isArray(target.allOf)) {
      const parts = (target.allOf as readonly Schema[]).map((part) => this.resolve(part));
      return this.value(mergedOf([...parts, { ...target, allOf: undefined }]), depth);
    }
    const type = Array.isArray(target.type) ? this.one(target.type as readonly string[]) : target.type;
    switch (type) {
      case 'string':
        return this.text(target);
      case 'integer':
        return this.number(target, true);
      case 'number':
        return this.number(target, false);
      case 'boolean':
        return this.random() < 0.5;
      case 'null':
        return null;
      case 'array':
        return this.list(target, depth);
      case 'object':
        return this.object(target, depth);
      default:
        return this.one(['any', 1, true, null]);
    }
  }

  private resolve(schema: Schema): Schema {
    const { $ref } = schema;
    if (typeof $ref !== 'string') return schema;
    const found = $ref
      .split('/')
      .slice(1)
      .reduce<unknown>((part, name) => (part as Schema)[name], this.root);
    return this.resolve(found as Schema);
  }

  private one<T>(items: readonly T[]): T {
    return items[Math.floor(this.random() * items.length)];
  }

  private text({ format, pattern, minLength = 0, maxLength = 20 }: Schema): string {
    if (typeof pattern === 'string') {
      const found = PATTERNS.find((each) => new RegExp(pattern, 'u').test(each));
      if (
        typeof format === 'string' &&
        format in TEXTS &&
        new RegExp(pattern, 'u').test(TEXTS[format] ?? '')
      ) {
        return TEXTS[format] ?? '';
      }
      if (found === undefined) throw new Error(`no text for ${pattern}`);
      return found;
    }
    if (typeof format === 'string' && format in TEXTS) return TEXTS[format] ?? '';
    const length = Math.min(Number(maxLength), Number(minLength) + Math.floor(this.random() * 5));
    return 'abcdefghijklmnopqrstuvwxyz'.repeat(4).slice(0, length);
  }

  private number(schema: Schema, whole: boolean): number {
    const lowest = Number(schema.minimum ?? Number(schema.exclusiveMinimum ?? -11) + 1);
    const highest = Number(schema.maximum ?? Number(schema.exclusiveMaximum ?? lowest + 21) - 1);
    const factor = Number(schema.multipleOf ?? 1);
    const number = lowest + this.random() * (highest - lowest);
    if (schema.multipleOf !== undefined) return Math.ceil(number / factor) * factor;
    return whole ? Math.round(number) : Math.round(number * 4) / 4;
  }

  private list(schema: Schema, depth: number): unknown[] {
    const items = schema.items as JsonSchema | readonly JsonSchema[] | undefined;
    if (Array.isArray(items)) return items.map((each: JsonSchema) => this.value(each, depth + 1));
    const fewest = Number(schema.minItems ?? 0);
    const length =
      depth > 4 ? fewest : Math.min(Number(schema.maxItems ?? 3), fewest + Math.floor(this.random() * 3));
    return Array.from({ length }, () => this.value((items as JsonSchema | undefined) ?? {}, depth + 1));
  }

  private object(schema: Schema, depth: number): object {
    const properties = (schema.properties ?? {}) as Readonly<Record<string, JsonSchema>>;
    const required = (schema.required ?? []) as readonly string[];
    const value: Record<string, unknown> = {};
    for (const [name, each] of Object.entries(properties)) {
      if (required.includes(name) || (depth < 4 && this.random() < 0.5))
        value[name] = this.value(each, depth + 1);
    }
    const { additionalProperties } = schema;
    if (
      typeof additionalProperties === 'object' &&
      additionalProperties !== null &&
      Object.keys(properties).length === 0
    ) {
      value.key = this.value(additionalProperties as JsonSchema, depth + 1);
    }
    return value;
  }
}

function mergedOf(parts: readonly Schema[]): Schema {
  const merged: Record<string, unknown> = {};
  for (const part of parts) {
    for (const [keyword, value] of Object.entries(part)) {
      if (value === undefined) continue;
      const known = merged[keyword];
      if (keyword === 'properties') merged[keyword] = { ...(known as object), ...(value as object) };
      else if (keyword === 'required')
        merged[keyword] = [...((known as string[] | undefined) ?? []), ...(value as string[])];
      else merged[keyword] = value;
    }
  }
  return merged;
}
