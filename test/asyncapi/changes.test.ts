import { type AsyncApiDocument, compareAsyncApiDocuments } from 'nestjs-nats-jetstream/asyncapi';
import { beforeAll, describe, expect, it } from 'vitest';
import { documentOf } from './create-document.js';
import { createServer, ShopModule } from './shop.js';

type Json = Record<string, unknown>;

let document: AsyncApiDocument;

beforeAll(async () => {
  const { document: created } = await documentOf(
    { imports: [ShopModule.on(undefined)] },
    { microservices: [createServer()] },
  );
  document = created;
});

/** The changes after an edit of a copy. */
function changesAfter(edit: (copy: Json & AsyncApiDocument) => void): readonly string[] {
  const copy = structuredClone(document) as Json & AsyncApiDocument;
  edit(copy);
  return compareAsyncApiDocuments(document, copy).map(({ kind, path, text }) => `${kind} ${path}: ${text}`);
}

function at(value: unknown, ...path: string[]): Json {
  return path.reduce<unknown>((part, name) => (part as Json)[name], value) as Json;
}

it('finds nothing in equal documents, regardless of the order of members', () => {
  const reversed = JSON.parse(JSON.stringify(document), (_, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toReversed())
      : value,
  ) as unknown;
  expect(compareAsyncApiDocuments(reversed, document)).toEqual([]);
});

/** An order that the application receives and sends. */
const PLACED = ['components', 'messages', 'orders.id.placed', 'payload'];

describe('breaking changes', () => {
  it.each<[string, (copy: AsyncApiDocument) => void, string]>([
    [
      'a removed channel',
      (copy) => delete at(copy, 'channels')['legacy.b'],
      'breaking channels.legacy.b: was removed',
    ],
    [
      'a removed operation',
      (copy) => delete at(copy, 'operations')['Statistics.placed'],
      'breaking operations.Statistics.placed: was removed',
    ],
    [
      'a removed message',
      (copy) => delete at(copy, 'components', 'messages').Line,
      'breaking messages.Line: was removed',
    ],
    [
      'another address',
      (copy) => (at(copy, 'channels', 'legacy.b').address = 'legacy.c'),
      'breaking channels.legacy.b.address: changed from "legacy.b" to "legacy.c"',
    ],
    [
      'another action',
      (copy) => (at(copy, 'operations', 'Statistics.placed').action = 'send'),
      'breaking operations.Statistics.placed.action: changed from "receive" to "send"',
    ],
    [
      'another media type',
      (copy) => (at(copy, 'components', 'messages', 'Line').contentType = 'text/csv'),
      'breaking messages.Line.contentType: changed from "application/json" to "text/csv"',
    ],
    [
      'a property that receivers require',
      (copy) => (at(copy, ...PLACED).required as string[]).push('coupon'),
      'breaking messages.orders.id.placed.payload: "coupon" is required now',
    ],
    [
      'another type',
      (copy) => (at(copy, ...PLACED, 'properties', 'total').type = 'string'),
      'breaking messages.orders.id.placed.payload.total: type changed from "number" to "string"',
    ],
    [
      'a stricter limit',
      (copy) => (at(copy, ...PLACED, 'properties', 'total').minimum = 5),
      'breaking messages.orders.id.placed.payload.total: minimum changed from 0 to 5',
    ],
    [
      'a removed value that receivers accepted',
      (copy) =>
        (at(copy, 'components', 'messages', 'Handlers.limited', 'payload', 'properties').only = {
          type: 'string',
          enum: ['that'],
        }),
      'breaking messages.Handlers.limited.payload.only: the value "this" was removed',
    ],
    [
      'a new value in what is sent',
      (copy) =>
        (at(copy, 'components', 'schemas', 'Invoice', 'properties', 'currency').enum = ['EUR', 'CHF']),
      'breaking messages.invoices.order.payload.currency: the value "CHF" was added',
    ],
    [
      'a property that is not sent any more',
      (copy) => delete at(copy, 'components', 'schemas', 'Invoice', 'properties').note,
      'breaking messages.invoices.order.payload.note: was removed',
    ],
    [
      'a required property that is optional now, for receivers of what is sent',
      (copy) => (at(copy, 'components', 'schemas', 'Invoice').required = ['currency', 'lines']),
      'breaking messages.invoices.order.payload: "customer" is optional now',
    ],
    [
      'a removed reply',
      (copy) => delete at(copy, 'operations', 'Warehouse.count').reply,
      'breaking operations.Warehouse.count.reply: was removed',
    ],
  ])('%s', (_, edit, expected) => {
    expect(changesAfter(edit)).toContain(expected);
  });
});

describe('compatible changes', () => {
  it.each<[string, (copy: AsyncApiDocument) => void, string]>([
    [
      'a new operation',
      (copy) => (at(copy, 'operations').more = structuredClone(at(copy, 'operations')['Statistics.placed'])),
      'compatible operations.more: was added',
    ],
    [
      'an optional property',
      (copy) => (at(copy, ...PLACED, 'properties').coupon = { type: 'string' }),
      'compatible messages.orders.id.placed.payload.coupon: was added',
    ],
    [
      'a value that receivers also accept',
      (copy) =>
        (at(copy, 'components', 'messages', 'Handlers.limited', 'payload', 'properties').only = {
          type: 'string',
        }),
      'compatible messages.Handlers.limited.payload.only: any value is allowed, not only ["this"]',
    ],
    [
      'another text',
      (copy) => (at(copy, 'components', 'messages', 'orders.id.placed').summary = 'New'),
      'compatible messages.orders.id.placed.summary: changed from "A customer placed an order" to "New"',
    ],
    [
      'another consumer',
      (copy) => (at(copy, 'operations', 'Statistics.placed', 'x-jetstream').concurrency = 5),
      'compatible operations.Statistics.placed.x-jetstream.concurrency: changed from 1 to 5',
    ],
    [
      'another version',
      (copy) => (at(copy, 'info').version = '2.0.0'),
      'compatible info.version: changed from "1.2.3" to "2.0.0"',
    ],
    [
      'a removed type, which accepts more',
      (copy) => delete at(copy, 'components', 'messages', 'Handlers.onNote', 'payload').type,
      'compatible messages.Handlers.onNote.payload: type changed from "string" to nothing',
    ],
  ])('%s', (_, edit, expected) => {
    expect(changesAfter(edit)).toEqual([expected]);
  });
});

it('compares with any content of a file', () => {
  for (const content of [undefined, null, [], 'text', {}, { operations: [] }]) {
    const changes = compareAsyncApiDocuments(content, document);
    expect(changes.length).toBeGreaterThan(0);
    expect(changes.every(({ kind }) => kind === 'compatible')).toBe(true);
  }
});

/** A document with one received message, whose payload has a schema of `components`. */
const withSchema = (name: string, reference: string, schema: object): object => ({
  operations: { op: { action: 'receive', messages: [{ $ref: '#/channels/c/messages/m' }] } },
  components: { messages: { m: { payload: { $ref: reference } } }, schemas: { [name]: schema } },
});

describe('references', () => {
  it.each([
    ['a slash', 'a/b', '#/components/schemas/a~1b'],
    ['a tilde', 'a~b', '#/components/schemas/a~0b'],
    ['a tilde and a number', 'a~1b', '#/components/schemas/a~01b'],
    ['a space', 'a b', '#/components/schemas/a%20b'],
    ['a percent sign', 'a%b', '#/components/schemas/a%25b'],
    ['an encoded tilde', 'a/b', '#/components/schemas/a%7E1b'],
    ['a letter that is not ASCII', 'größe', '#/components/schemas/gr%C3%B6%C3%9Fe'],
    ['a percent sign that is not encoded', '100%', '#/components/schemas/100%'],
    ['a name that every object has', 'constructor', '#/components/schemas/constructor'],
  ])('with %s lead to the schema', (_, name, reference) => {
    const before = withSchema(name, reference, { type: 'string' });
    const after = withSchema(name, reference, { type: 'string', minLength: 2 });
    expect(compareAsyncApiDocuments(before, after)).toEqual([
      { kind: 'breaking', path: 'messages.m.payload', text: 'minLength changed from nothing to 2' },
    ]);
  });

  it('lead through lists, and into schemas', () => {
    const schema = (type: string): object => ({
      anyOf: [{ type: 'null' }, { properties: { 'a/b': { type } } }],
    });
    const reference = '#/components/schemas/s/anyOf/1/properties/a~1b';
    const changes = compareAsyncApiDocuments(
      withSchema('s', reference, schema('string')),
      withSchema('s', reference, schema('number')),
    );
    expect(changes).toEqual([
      {
        kind: 'breaking',
        path: 'messages.m.payload',
        text: 'type changed from "string" to "number"',
      },
    ]);
  });

  it('to nothing accept anything, even if every object has a property of this name', () => {
    const before = withSchema('s', '#/components/schemas/toString', {});
    const after = withSchema('s', '#/components/schemas/none', {});
    expect(compareAsyncApiDocuments(before, after).every(({ kind }) => kind === 'compatible')).toBe(true);
  });
});

it('finds parts that have the name of a property that every object has', () => {
  const withNames = (names: readonly string[]): object => {
    const map = Object.fromEntries(names.map((name) => [name, { type: 'string' }]));
    const { components, ...rest } = withSchema('s', '#/components/schemas/s', { properties: map }) as {
      components: object;
    };
    return { ...rest, channels: map, components };
  };
  const names = ['constructor', '__proto__', 'toString'];
  const removed = compareAsyncApiDocuments(withNames(names), withNames([]));
  for (const name of names) {
    expect(removed).toContainEqual({ kind: 'breaking', path: `channels.${name}`, text: 'was removed' });
    expect(removed).toContainEqual(
      expect.objectContaining({ path: `messages.m.payload.${name}`, text: 'was removed' }),
    );
  }
  const added = compareAsyncApiDocuments(withNames([]), withNames(names));
  expect(added.filter(({ text }) => text === 'was added')).toHaveLength(2 * names.length);
});
