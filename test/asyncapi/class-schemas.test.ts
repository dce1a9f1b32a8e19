import { Parser } from '@asyncapi/parser';
import { ApiProperty, getSchemaPath, OmitType, PartialType } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  Allow,
  IsArray,
  IsEnum,
  IsInt,
  IsOptional,
  IsString,
  Matches,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { defineMessage } from 'nestjs-nats-jetstream';
import type { AsyncApiDocument, JsonSchema } from 'nestjs-nats-jetstream/asyncapi';
import { describe, expect, it } from 'vitest';
import { documentWith } from './create-document.js';

const parser = new Parser();

/** The schemas of a document with a message of this class, which must be valid. */
async function schemasOf(
  schema: new () => object,
  isValidated = true,
): Promise<Readonly<Record<string, JsonSchema>>> {
  const { document, logs } = await documentWith([defineMessage({ subject: 'a', schema })]);
  expect(logs.of('warn', 'AsyncApi')).toEqual([]);
  if (isValidated) await expectValid(document);
  return document.components.schemas;
}

async function expectValid(document: AsyncApiDocument): Promise<void> {
  const { diagnostics } = await parser.parse(JSON.stringify(document));
  expect(diagnostics.filter(({ severity }) => String(severity) === '0')).toEqual([]);
}

const PART = '#/components/schemas/Part';

class Part {
  @IsString() readonly name: string = '';
}

describe('properties of classes', { timeout: 60_000 }, () => {
  it('are those of the class and of those that it extends', async () => {
    class Base {
      @IsString() readonly id: string = '';
      @IsOptional() @IsInt() readonly count?: number;
    }
    class Order extends Base {
      @ValidateNested() @Type(() => Part) readonly part: Part = new Part();
    }
    class Patch extends PartialType(OmitType(Order, ['part'] as const)) {
      @IsString() readonly reason: string = '';
    }
    const { Order: described } = await schemasOf(Order);
    expect(described).toMatchObject({
      properties: { id: { type: 'string' }, count: { type: 'integer' }, part: { $ref: PART } },
      required: ['part', 'id'],
    });
    expect(await schemasOf(Patch)).toEqual({
      Patch: {
        type: 'object',
        properties: { reason: { type: 'string' }, id: { type: 'string' }, count: { type: 'integer' } },
        required: ['reason'],
      },
    });
  });

  it('may be lists, sets and maps', async () => {
    class Lists {
      @IsArray() readonly any: unknown[] = [];
      @IsString({ each: true }) readonly texts: string[] = [];
      @IsString({ each: true }) readonly set: Set<string> = new Set();
      @IsInt({ each: true }) readonly counts: Map<string, number> = new Map();
      @ValidateNested({ each: true }) @Type(() => Part) readonly parts: Map<string, Part> = new Map();
      @ValidateNested() @Type(() => Part) readonly list: Part[] = [];
      @Allow() readonly plainMap: Map<string, unknown> = new Map();
      @Allow() readonly plainSet: Set<string> = new Set();
    }
    const { Lists: described } = await schemasOf(Lists);
    const part = { $ref: PART };
    expect(described).toMatchObject({
      properties: {
        any: { type: 'array', items: {} },
        texts: { type: 'array', items: { type: 'string' } },
        set: { type: 'array', items: { type: 'string' } },
        counts: { type: 'object', additionalProperties: { type: 'integer' } },
        parts: { type: 'object', additionalProperties: part },
        list: { type: 'array', items: part },
        plainMap: { type: 'object' },
        plainSet: { type: 'array' },
      },
    });
  });

  it('may have types that JSON does not have', async () => {
    class Odd {
      @Allow() readonly big: bigint = 1n;
      @Allow() readonly symbol: symbol = Symbol('a');
      @Allow() readonly call: () => void = () => undefined;
      @Allow() readonly promise: Promise<void> = Promise.resolve();
      @Allow() readonly at: Date = new Date();
      @Allow() readonly bytes: Buffer = Buffer.alloc(0);
      @Allow() readonly url: URL = new URL('https://example.com');
      @Allow() readonly pattern: RegExp = /a/;
      @Allow() readonly any: unknown;
      @Allow() readonly union: string | number = 1;
      @Allow() readonly nothing: null = null;
    }
    const { Odd: described } = await schemasOf(Odd);
    expect(described).toMatchObject({
      properties: {
        big: {},
        symbol: {},
        call: {},
        promise: {},
        at: { type: 'string', format: 'date-time' },
        bytes: { type: 'object' },
        url: { type: 'string', format: 'uri' },
        pattern: { type: 'object' },
        any: {},
        union: {},
      },
    });
    const { properties } = described as { properties: Readonly<Record<string, object>> };
    for (const name of ['big', 'symbol', 'call', 'promise', 'any', 'union'])
      expect(properties[name]).toEqual({});
  });

  it('may be enums of texts, of numbers and of both, in which a text is the name of a number', async () => {
    enum Mixed {
      first = 'second',
      second = 2,
      third = 'c',
      fourth = 0,
    }
    class Enums {
      @IsEnum(Mixed) readonly mixed: Mixed = Mixed.first;
      @IsEnum(['a', 'b']) readonly list: string = 'a';
      @IsEnum(Mixed, { each: true }) readonly several: Mixed[] = [];
    }
    const { Enums: described } = await schemasOf(Enums);
    expect(described).toMatchObject({
      properties: {
        mixed: { enum: ['second', 2, 'c', 0] },
        list: { type: 'string', enum: ['a', 'b'] },
        several: { type: 'array', items: { enum: ['second', 2, 'c', 0] } },
      },
    });
  });

  it('have no pattern if it has flags', async () => {
    class Patterns {
      @Matches(/^a/) readonly plain: string = '';
      @Matches(/^a/i) readonly flags: string = '';
      @Matches('^a', 'i') readonly modifiers: string = '';
    }
    const { Patterns: described } = await schemasOf(Patterns);
    expect((described as { properties: object }).properties).toEqual({
      plain: { type: 'string', pattern: '^a' },
      flags: { type: 'string' },
      modifiers: { type: 'string' },
    });
  });

  it('may have any name', async () => {
    class Names {
      readonly isOdd = true;
    }
    for (const name of ['__proto__', 'constructor', 'a.b', 'a/b', '$ref', 'größe'])
      IsString()(Names.prototype, name);
    // The parser loses a property `__proto__`, and takes one named `$ref` for a reference.
    const { Names: described } = await schemasOf(Names, false);
    const { properties, required } = described as { properties: object; required: string[] };
    expect(Object.keys(properties)).toEqual(required);
    expect(required.toSorted()).toEqual(['$ref', '__proto__', 'a.b', 'a/b', 'constructor', 'größe']);
  });

  it('may refer to each other in a cycle', async () => {
    class Node {
      @IsOptional() @ValidateNested() @Type(() => Node) readonly parent?: unknown;
      @ValidateNested({ each: true }) @Type(() => Edge) readonly edges: unknown[] = [];
    }
    class Edge {
      @ValidateNested() @Type(() => Node) readonly to: unknown;
    }
    expect(await schemasOf(Node)).toEqual({
      Node: {
        type: 'object',
        properties: {
          parent: { $ref: '#/components/schemas/Node' },
          edges: { type: 'array', items: { $ref: '#/components/schemas/Edge' } },
        },
        required: ['edges'],
      },
      Edge: {
        type: 'object',
        properties: { to: { $ref: '#/components/schemas/Node' } },
        required: ['to'],
      },
    });
  });

  it('may be one of several classes, which a property distinguishes', async () => {
    abstract class Payment {
      @IsInt() @Min(1) readonly cents: number = 1;
    }
    class Card extends Payment {
      @IsString() readonly number: string = '';
    }
    class Cash extends Payment {}
    class Order {
      @ValidateNested()
      @Type(() => Payment, {
        discriminator: {
          property: 'kind',
          subTypes: [
            { value: Card, name: 'card' },
            { value: Cash, name: 'cash' },
          ],
        },
      })
      readonly payment: Payment = new Cash();
    }
    const { Order: described } = await schemasOf(Order);
    const kind = (name: string): object => ({
      allOf: [
        { $ref: `#/components/schemas/${name}` },
        { properties: { kind: { const: name.toLowerCase() } }, required: ['kind'] },
      ],
    });
    expect(described).toMatchObject({ properties: { payment: { anyOf: [kind('Card'), kind('Cash')] } } });
  });

  it('may have a type that is chosen by the payload', async () => {
    class Order {
      @ValidateNested()
      @Type((help) => (help?.object.isPart === true ? Part : Object))
      readonly part: unknown;
    }
    const { Order: described } = await schemasOf(Order);
    expect(described).toEqual({ type: 'object', properties: { part: {} }, required: ['part'] });
  });

  it('are required unless they are optional or conditional', async () => {
    class Order {
      @IsString() readonly always: string = '';
      @IsOptional() @IsString() readonly optional?: string;
      @ValidateIf(() => false) @IsString() readonly conditional: string = '';
    }
    const { Order: described } = await schemasOf(Order);
    expect(described).toMatchObject({ required: ['always'] });
  });

  it('of a class whose static name is no text are described', async () => {
    class Named {
      @IsString() readonly text: string = '';
    }
    Object.defineProperty(Named, 'name', { value: 7 });
    expect(Object.keys(await schemasOf(Named))).toEqual(['Payload']);
  });
});

describe('properties with @ApiProperty', { timeout: 60_000 }, () => {
  it('contain no references to the OpenAPI document, and only what JSON Schema has', async () => {
    class Order {
      @IsArray()
      @ApiProperty({ type: 'array', items: { $ref: getSchemaPath(Part) } })
      readonly parts: Part[] = [];

      @IsArray()
      @ApiProperty({ type: 'array', items: { oneOf: [{ $ref: getSchemaPath(Part) }, { type: 'string' }] } })
      readonly choices: unknown[] = [];

      @Allow()
      @ApiProperty({ oneOf: [{ type: 'string', nullable: true }, { $ref: getSchemaPath(Part) }] })
      readonly either: unknown;

      @IsArray()
      @ApiProperty({ type: [[Part]] as never })
      readonly matrix: Part[][] = [];

      @IsArray() @ApiProperty() readonly untyped: unknown[] = [];

      @Allow()
      @ApiProperty({
        type: 'object',
        additionalProperties: { type: 'integer', minimum: 1, exclusiveMinimum: true, example: 2 } as never,
      })
      readonly counts: Record<string, number> = {};
    }
    const { Order: described } = await schemasOf(Order);
    expect((described as { properties: object }).properties).toEqual({
      parts: { type: 'array', items: {} },
      choices: { type: 'array', items: { oneOf: [{}, { type: 'string' }] } },
      either: { oneOf: [{ anyOf: [{ type: 'string' }, { type: 'null' }] }, {}] },
      matrix: { type: 'array', items: { type: 'array', items: {} } },
      untyped: { type: 'array', items: {} },
      counts: {
        type: 'object',
        additionalProperties: { type: 'integer', exclusiveMinimum: 1, examples: [2] },
      },
    });
  });
});
