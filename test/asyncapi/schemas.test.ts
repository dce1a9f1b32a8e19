import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { type } from 'arktype';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsBoolean,
  IsDateString,
  IsEmail,
  IsEnum,
  IsIn,
  IsInt,
  IsMongoId,
  IsNotEmpty,
  IsNumber,
  IsOptional,
  IsPositive,
  IsString,
  IsUUID,
  Length,
  Matches,
  Max,
  Min,
  ValidateNested,
} from 'class-validator';
import {
  defineMessage,
  JsConsumer,
  type MessageSchema,
  NatsSubscribe,
  PublishTo,
  type StandardSchema,
} from 'nestjs-nats-jetstream';
import type { AsyncApiDocument, JsonSchema } from 'nestjs-nats-jetstream/asyncapi';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import * as mini from 'zod/mini';
import { z as z3 } from 'zod/v3';
import { documentWith } from './create-document.js';
import { Generator, randomFrom } from './generate.js';

const SEED = Number(process.env.SEED ?? 20_240_506);

/** A contract with a schema, and its payload in the document of an application that publishes it. */
async function describeMessage(schema: MessageSchema) {
  const contract = defineMessage({ subject: 'a.:id', name: 'Message', schema });
  const { document, logs } = await documentWith([contract]);
  const payload = document.components.messages.Message?.payload ?? false;
  return { contract, document, payload, warnings: logs.of('warn', 'AsyncApi') };
}

/** Whether a payload is valid according to the document. */
function validatorOf(document: AsyncApiDocument, payload: JsonSchema): (value: unknown) => boolean {
  const ajv = new Ajv({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema({ $id: 'document', components: document.components });
  const text = JSON.stringify(payload).replaceAll('"#/', '"document#/');
  return ajv.compile(JSON.parse(text) as object);
}

async function accepts(schema: StandardSchema | undefined, value: unknown): Promise<boolean> {
  return (await schema?.['~standard'].validate(value))?.issues === undefined;
}

const category: v.GenericSchema<Category> = v.object({
  name: v.string(),
  parts: v.array(v.lazy(() => category)),
});
interface Category {
  readonly name: string;
  readonly parts: Category[];
}
const zodCategory = z.object({
  name: z.string(),
  get parts() {
    return z.array(zodCategory);
  },
});

enum Size {
  small,
  large,
}

class Part {
  @IsString() @Length(2, 5) readonly name: string = '';
  @IsOptional() @ValidateNested({ each: true }) @Type(() => Part) readonly parts?: Part[];
}

class Everything {
  @IsString() @IsNotEmpty() readonly text: string = '';
  @IsInt() @Min(3) @Max(9) readonly whole: number = 3;
  @IsNumber() @IsPositive() readonly amount: number = 1;
  @IsBoolean() readonly flag: boolean = true;
  @IsEnum(Size) readonly size: Size = Size.small;
  @IsIn(['a', 'b']) readonly choice: string = 'a';
  @IsEmail() readonly email: string = '';
  @IsUUID() readonly id: string = '';
  @IsDateString() readonly at: string = '';
  @IsMongoId() readonly mongo: string = '';
  @Matches(/^[A-Z]{2}-\d+$/) readonly code: string = '';
  @IsArray() @ArrayMinSize(1) @ArrayMaxSize(3) @IsString({ each: true }) readonly tags: string[] = [];
  @ValidateNested() @Type(() => Part) readonly part: Part = new Part();
  @IsOptional() @IsString() readonly note?: string;
}

/** Schemas whose description is exact: all values that it accepts are valid payloads. */
const EXACT: readonly (readonly [string, MessageSchema])[] = [
  [
    'zod: objects, limits, enums, lists, records',
    z.object({
      text: z.string().min(2).max(5),
      email: z.email(),
      number: z.number().gte(1).lt(5),
      whole: z.int().multipleOf(5),
      choice: z.enum(['a', 'b']),
      literal: z.literal(7),
      list: z.array(z.boolean()).min(1),
      pair: z.tuple([z.string(), z.number()]),
      map: z.record(z.string(), z.number()),
      nullable: z.string().nullable(),
      optional: z.string().optional(),
      byDefault: z.number().default(3),
    }),
  ],
  [
    'zod: a union',
    z.union([z.object({ kind: z.literal('a'), a: z.string() }), z.object({ kind: z.literal('b') })]),
  ],
  [
    'zod: a transformation, described by its input',
    z.object({ total: z.string().regex(/^\d+$/).transform(Number) }),
  ],
  ['zod: a date that is read from text', z.object({ at: z.coerce.date() })],
  ['zod: a schema that refers to itself', zodCategory],
  ['zod: an intersection', z.intersection(z.object({ a: z.string() }), z.object({ b: z.number() }))],
  [
    'zod mini',
    mini.object({ text: mini.string().check(mini.minLength(2)), number: mini.optional(mini.number()) }),
  ],
  [
    'Valibot: objects, limits, lists, unions',
    v.object({
      text: v.pipe(v.string(), v.minLength(2), v.maxLength(5)),
      email: v.pipe(v.string(), v.email()),
      number: v.pipe(v.number(), v.minValue(1), v.maxValue(5)),
      whole: v.pipe(v.number(), v.integer()),
      choice: v.picklist(['a', 'b']),
      list: v.pipe(v.array(v.boolean()), v.minLength(1)),
      nullable: v.nullable(v.string()),
      optional: v.optional(v.string()),
    }),
  ],
  ['Valibot: a schema that refers to itself', category],
  [
    'Valibot: a transformation, described by its input',
    v.object({ total: v.pipe(v.string(), v.regex(/^\d+$/), v.transform(Number)) }),
  ],
  [
    'ArkType: objects, limits, lists, unions',
    type({
      text: '2 <= string <= 5',
      email: 'string.email',
      number: '1 <= number <= 5',
      whole: 'number.integer',
      choice: '"a" | "b"',
      list: 'boolean[] >= 1',
      nullable: 'string | null',
      'optional?': 'string',
    }) as StandardSchema,
  ],
  [
    'ArkType: a transformation, described by its input',
    type({ total: 'string.numeric.parse' }) as StandardSchema,
  ],
  ['class-validator: every decorator with keywords', Everything],
];

describe.each(EXACT)('%s', (_, schema) => {
  it('generates payloads from the description that the message accepts', async () => {
    const { contract, document, payload, warnings } = await describeMessage(schema);
    expect(warnings).toEqual([]);
    expect(payload).not.toEqual({});
    const isValid = validatorOf(document, payload);
    const generator = new Generator(document, randomFrom(SEED));
    for (let i = 0; i < 100; i++) {
      const value = generator.value(payload);
      expect(isValid(value), JSON.stringify(value)).toBe(true);
      expect(await accepts(contract.schema, value), JSON.stringify(value)).toBe(true);
    }
    expect(isValid('no object')).toBe(false);
  });
});

describe('a schema', () => {
  it.each([
    ['zod', z.object({ total: z.number() })],
    ['Valibot', v.object({ total: v.number() })],
    ['ArkType', type({ total: 'number' }) as StandardSchema],
  ])('of %s refuses what its description refuses', async (_, schema) => {
    const { contract, document, payload } = await describeMessage(schema);
    const isValid = validatorOf(document, payload);
    for (const value of [{}, { total: '1' }, [], null, 7]) {
      expect(isValid(value)).toBe(false);
      expect(await accepts(contract.schema, value)).toBe(false);
    }
  });

  it('that refers to itself is stored once, with references that resolve', async () => {
    const { document, payload } = await describeMessage(category);
    const part = { $ref: '#/components/schemas/Message.1' };
    expect(payload).toMatchObject({ properties: { parts: { type: 'array', items: part } } });
    expect(document.components.schemas['Message.1']).toEqual(payload);
    const again = await describeMessage(category);
    expect(again.document.components).toEqual(document.components);
    const { payload: ofZod, document: other } = await describeMessage(zodCategory);
    expect(ofZod).toEqual({ $ref: '#/components/schemas/Message' });
    expect(other.components.schemas.Message).toMatchObject({
      properties: { parts: { type: 'array', items: { $ref: '#/components/schemas/Message' } } },
    });
  });

  it('that implements Standard JSON Schema describes itself', async () => {
    const schema = {
      '~standard': {
        version: 1 as const,
        vendor: 'mine',
        validate: (value: unknown) => ({ value }),
        jsonSchema: {
          input: ({ target }: { target: string }) => ({
            type: 'object',
            properties: { target: { const: target }, own: { $ref: '#/definitions/Own' } },
            definitions: { Own: { type: 'string' } },
          }),
        },
      },
    };
    const { document, payload, warnings } = await describeMessage(schema);
    expect(warnings).toEqual([]);
    expect(payload).toEqual({
      type: 'object',
      properties: { target: { const: 'draft-07' }, own: { $ref: '#/components/schemas/Message.Own' } },
    });
    expect(document.components.schemas).toEqual({ 'Message.Own': { type: 'string' } });
  });

  const failing = (vendor: string, jsonSchema?: object): StandardSchema =>
    ({
      '~standard': { version: 1, vendor, validate: (value: unknown) => ({ value }), jsonSchema },
    }) as unknown as StandardSchema;

  it.each<[string, MessageSchema, object, RegExp]>([
    [
      'a part without JSON',
      z.object({ big: z.bigint(), name: z.string() }),
      { type: 'object', properties: { big: {}, name: { type: 'string' } }, required: ['big', 'name'] },
      /bigint of zod has no JSON Schema/,
    ],
    ['a part of Valibot without JSON', v.object({ big: v.bigint() }), { type: 'object' }, /bigint/],
    [
      'a part of ArkType without JSON',
      type({ big: 'bigint' }) as StandardSchema,
      { type: 'object' },
      /a domain of ArkType has no JSON Schema/,
    ],
    [
      'zod 3',
      z3.object({ a: z3.string() }),
      {},
      /zod 3 cannot be described\. Update to zod 4, or create the schema with "zod\/v4"/,
    ],
    ['an unknown library', failing('unheard-of'), {}, /"unheard-of" does not implement Standard JSON Schema/],
    [
      'a library that throws',
      failing('broken', {
        input: () => {
          throw new Error('not today');
        },
      }),
      {},
      /not today/,
    ],
  ])('with %s is described as far as possible, with one warning', async (_, schema, expected, warning) => {
    const { payload, warnings } = await describeMessage(schema);
    expect(payload).toMatchObject(expected);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^The message "Message" on "a\.:id" is not described completely: /);
    expect(warnings[0]).toMatch(warning);
  });

  it('of zod 3 is reported once, however often the message is used', async () => {
    const contract = defineMessage({ subject: 'orders.:id', schema: z3.object({ a: z3.string() }) });
    class Service {
      @JsConsumer(contract, { durable: 'one' })
      one(): void {}

      @JsConsumer(contract, { durable: 'two' })
      @PublishTo(contract, () => ({ id: '1' }))
      two(): { a: string } {
        return { a: '' };
      }
    }
    const { document, logs } = await documentWith([contract], { providers: [Service] });
    expect(Object.keys(document.operations)).toHaveLength(4);
    expect(logs.of('warn', 'AsyncApi')).toEqual([
      'The message "orders.id" on "orders.:id" is not described completely: schemas of zod 3 cannot be described. ' +
        'Update to zod 4, or create the schema with "zod/v4" of zod 3.25',
    ]);
  });

  it('with examples that are not JSON is described without them', async () => {
    const cyclic: { self?: unknown } = {};
    cyclic.self = cyclic;
    const broken = {
      toJSON: () => {
        throw new Error('no form');
      },
    };
    const examples = [{ big: 1n }, cyclic, Symbol('text'), () => 1, undefined, broken, { good: true }, null];
    const contract = defineMessage({ subject: 'a', schema: z.any(), examples });
    const { document, logs } = await documentWith([contract]);
    expect(document.components.messages.a?.examples).toEqual([
      { payload: { good: true } },
      { payload: null },
    ]);
    const [warning, ...others] = logs.of('warn', 'AsyncApi');
    expect(others).toEqual([]);
    expect(warning).toMatch(
      /examples\[0\] .*BigInt; examples\[1\] .*circular.*; examples\[2\] has no JSON form: it is Symbol\(text\); examples\[3\] .* a function; examples\[4\] .* undefined; examples\[5\] .* no form$/,
    );
  });

  it('may have data and properties with the names of keywords', async () => {
    const data = { $ref: '#/definitions/Own', allOf: [1] };
    const described = {
      type: 'object',
      properties: {
        $ref: { type: 'string' },
        allOf: { type: 'array', default: data },
        definitions: { $ref: '#/definitions/a~1b%20c' },
        const: { const: data, enum: [data], examples: [data] },
        missing: { $ref: '#/definitions/missing' },
      },
      definitions: { 'a/b c': { type: 'number' } },
    };
    const schema = {
      '~standard': {
        version: 1 as const,
        vendor: 'mine',
        validate: (value: unknown) => ({ value }),
        jsonSchema: { input: () => described },
      },
    };
    const { document, payload } = await describeMessage(schema);
    expect(payload).toEqual({
      type: 'object',
      properties: {
        ...described.properties,
        definitions: { $ref: '#/components/schemas/Message.a.b_c' },
        missing: { $ref: '#/components/schemas/Message.missing' },
      },
    });
    expect(document.components.schemas).toEqual({
      'Message.a.b_c': { type: 'number' },
      'Message.missing': {},
    });
  });
});

describe('a class with decorators of @nestjs/swagger', () => {
  class Item {
    @ApiProperty({ description: 'The name', minLength: 2, example: 'tea' }) readonly name: string = '';
    @ApiProperty({ minimum: 1, type: 'integer' }) readonly count: number = 1;
  }

  class Order {
    @ApiProperty({ type: () => [Item] }) readonly items: Item[] = [];
    @ApiProperty({ type: Item, description: 'The first' }) readonly first: Item = new Item();
    @ApiProperty({ enum: Size }) readonly size: Size = Size.small;
    @ApiProperty({ type: [String], maxItems: 3 }) readonly tags: string[] = [];
    @ApiProperty({ nullable: true, type: String }) readonly note: string | null = null;
    @ApiPropertyOptional({ format: 'date-time' }) readonly at?: string;
    @ApiProperty({ enum: ['a', 'b'], isArray: true }) readonly choices: string[] = [];
    @ApiProperty() readonly self: boolean = true;
  }

  @Injectable()
  class Service {
    @NatsSubscribe('orders')
    onOrder(@Payload() _order: Order): void {}
  }

  it('is described by them', async () => {
    const { document } = await documentWith([], { providers: [Service] });
    expect(document.components.messages.Order?.payload).toEqual({ $ref: '#/components/schemas/Order' });
    expect(document.components.schemas).toEqual({
      Item: {
        type: 'object',
        properties: {
          name: { type: 'string', description: 'The name', minLength: 2, examples: ['tea'] },
          count: { type: 'integer', minimum: 1 },
        },
        required: ['name', 'count'],
      },
      Order: {
        type: 'object',
        properties: {
          items: { type: 'array', items: { $ref: '#/components/schemas/Item' } },
          first: { allOf: [{ $ref: '#/components/schemas/Item' }], description: 'The first' },
          size: { type: 'number', enum: [0, 1] },
          tags: { type: 'array', items: { type: 'string' }, maxItems: 3 },
          note: { anyOf: [{ type: 'string' }, { type: 'null' }] },
          at: { type: 'string', format: 'date-time' },
          choices: { type: 'array', items: { type: 'string', enum: ['a', 'b'] } },
          self: { type: 'boolean' },
        },
        required: ['items', 'first', 'size', 'tags', 'note', 'choices', 'self'],
      },
    });
  });

  it('may have what the plugin adds instead', async () => {
    class Plugged {
      readonly name = '';

      static _OPENAPI_METADATA_FACTORY(): object {
        return {
          name: { required: true, type: () => String, minLength: 1 },
          items: { required: false, type: () => [Item] },
        };
      }
    }
    class PluggedService {
      onPlugged(_payload: Plugged): void {}
    }
    Reflect.defineMetadata('design:paramtypes', [Plugged], PluggedService.prototype, 'onPlugged');
    const descriptor = Object.getOwnPropertyDescriptor(PluggedService.prototype, 'onPlugged') ?? {};
    NatsSubscribe('plugged')(PluggedService.prototype, 'onPlugged', descriptor);
    const { document } = await documentWith([], { providers: [PluggedService] });
    expect(document.components.schemas.Plugged).toEqual({
      type: 'object',
      properties: {
        name: { type: 'string', minLength: 1 },
        items: { type: 'array', items: { $ref: '#/components/schemas/Item' } },
      },
      required: ['name'],
    });
  });

  it('whose functions throw is described by an empty schema, with one warning', async () => {
    class Broken {
      @ApiProperty({
        type: () => {
          throw new Error('a cycle of imports');
        },
      })
      readonly name: string = '';
    }
    class Outer {
      @ApiProperty({ type: Broken }) readonly broken: Broken = new Broken();
    }
    class BrokenService {
      @NatsSubscribe('broken')
      onBroken(@Payload() _payload: Broken): void {}

      @NatsSubscribe('outer')
      onOuter(@Payload() _payload: Outer): void {}
    }
    const { document, logs } = await documentWith([], { providers: [BrokenService] });
    expect(document.components.messages.Broken?.payload).toEqual({});
    expect(document.components.messages.Outer?.payload).toEqual({});
    // Other classes may already refer to it.
    expect(document.components.schemas).toEqual({ Outer: {} });
    expect(logs.of('warn', 'AsyncApi')).toEqual([
      'The message "Broken" is not described completely: a cycle of imports',
      'The message "Outer" is not described completely: a cycle of imports',
    ]);
  });
});
