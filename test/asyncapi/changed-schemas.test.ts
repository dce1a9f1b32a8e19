import { compareAsyncApiDocuments } from 'nestjs-nats-jetstream/asyncapi';
import { describe, expect, it } from 'vitest';

/** A document whose only message has a schema. */
function documentWith(action: 'receive' | 'send', payload: object): object {
  return {
    operations: { op: { action, messages: [{ $ref: '#/channels/c/messages/m' }] } },
    components: {
      messages: { m: { payload } },
      schemas: {
        Cat: { type: 'object', properties: { kind: { const: 'cat' } } },
        Tree: { anyOf: [{ $ref: '#/components/schemas/Tree' }, { type: 'string' }] },
      },
    },
  };
}

/** Whether the change breaks other applications, if the application receives the message, and if it sends it. */
function breaks(before: object, after: object): object {
  const [receive, send] = (['receive', 'send'] as const).map((action) =>
    compareAsyncApiDocuments(documentWith(action, before), documentWith(action, after)).some(
      ({ kind }) => kind === 'breaking',
    ),
  );
  return { receive, send };
}

const text = { type: 'string' };
const number = { type: 'number' };
const order = { type: 'object', properties: { id: text }, required: ['id'] };
const nothing = { type: 'null' };
const cat = { type: 'object', properties: { kind: { const: 'cat' }, name: text }, required: ['kind'] };
const dog = { type: 'object', properties: { kind: { const: 'dog' }, name: text }, required: ['kind'] };
const wider = { receive: false, send: true };
const narrower = { receive: true, send: false };

describe('a schema that accepts', () => {
  it.each<[string, object, object]>([
    ['null in place of text too', text, { anyOf: [text, nothing] }],
    ['null in place of an object too', order, { anyOf: [order, nothing] }],
    ['null in place of an object too, listed first', order, { anyOf: [nothing, order] }],
    [
      'null in place of a named schema too',
      { $ref: '#/components/schemas/Cat' },
      { anyOf: [nothing, { $ref: '#/components/schemas/Cat' }] },
    ],
    [
      'an object in place of text or a number too',
      { type: ['string', 'number'] },
      { anyOf: [text, number, order] },
    ],
    ['another kind of object', { oneOf: [cat] }, { oneOf: [dog, cat] }],
    [
      'another kind of object, and a property',
      { oneOf: [cat] },
      {
        oneOf: [
          dog,
          {
            ...cat,
            properties: { ...cat.properties, kind: { const: 'cat' }, name: { type: ['string', 'null'] } },
          },
        ],
      },
    ],
    ['one kind of several in place of one', cat, { oneOf: [dog, cat] }],
    ['any value in place of alternatives', { anyOf: [text, nothing] }, {}],
  ])('%s', (_, before, after) => {
    expect(breaks(before, after)).toEqual(wider);
    expect(breaks(after, before)).toEqual(narrower);
  });

  it('the same, written in another way', () => {
    const same = { receive: false, send: false };
    expect(breaks({ anyOf: [text, nothing] }, { type: ['string', 'null'] })).toEqual(same);
    expect(breaks({ anyOf: [cat, dog] }, { oneOf: [dog, cat] })).toEqual(same);
    expect(breaks({ ...order, additionalProperties: {} }, order)).toEqual(same);
    expect(breaks(order, { ...order, additionalProperties: {} })).toEqual(same);
    expect(breaks(order, { ...order, additionalProperties: true })).toEqual(same);
    expect(breaks({ type: 'array' }, { type: 'array', minItems: 0 })).toEqual(same);
    expect(breaks(text, { ...text, minLength: 0 })).toEqual(same);
  });

  it('other values', () => {
    const other = { receive: true, send: true };
    expect(breaks(order, { anyOf: [cat, nothing] })).toEqual(other);
    expect(breaks({ oneOf: [cat] }, { oneOf: [dog] })).toEqual(other);
    expect(breaks(text, { anyOf: [number, nothing] })).toEqual(other);
    expect(breaks(number, { ...number, minimum: 0 })).toEqual(narrower);
  });
});

it('compares each alternative with the one of the same kind', () => {
  const before = { oneOf: [cat, dog] };
  const after = { oneOf: [{ ...dog, required: ['kind', 'name'] }, cat] };
  expect(compareAsyncApiDocuments(documentWith('receive', before), documentWith('receive', after))).toEqual([
    { kind: 'breaking', path: 'messages.m.payload(oneOf)', text: '"name" is required now' },
  ]);
});

it('reports the items of a list once', () => {
  const before = { type: 'array', items: [text] };
  const after = { type: 'array', items: [number] };
  expect(compareAsyncApiDocuments(documentWith('receive', before), documentWith('receive', after))).toEqual([
    { kind: 'breaking', path: 'messages.m.payload', text: 'the items of the list changed' },
  ]);
});

it('ends for alternatives that refer to themselves', () => {
  const tree = { $ref: '#/components/schemas/Tree' };
  expect(breaks(text, tree)).toEqual({ receive: false, send: true });
  expect(() => breaks(tree, { anyOf: [tree, number] })).not.toThrow();
  expect(() => breaks({ anyOf: [tree, number] }, tree)).not.toThrow();
});
