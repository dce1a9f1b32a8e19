import {
  defineMessage,
  InvalidArgumentError,
  InvalidSubjectError,
  type MessageDefinition,
} from 'nestjs-nats-jetstream';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

const Placed = defineMessage({ subject: 'orders.:id.placed', schema: z.object({ total: z.number() }) });
const Uploaded = defineMessage({ subject: 'files.:bucket.>' });
const Started = defineMessage({ subject: 'service.started', name: 'Started', core: true, validate: 'off' });

describe('the subject of a message', () => {
  it('has a wildcard, and a part of the name, for each parameter', () => {
    expect(Placed).toMatchObject({
      template: 'orders.:id.placed',
      filter: 'orders.*.placed',
      name: 'orders.id.placed',
    });
    expect(Uploaded).toMatchObject({ filter: 'files.*.>', pattern: 'files.*.>', name: 'files.bucket.rest' });
    expect(Started).toMatchObject({
      filter: 'service.started',
      name: 'Started',
      core: true,
      validate: 'off',
    });
  });

  it('is filled in and read', () => {
    expect(Placed.subject({ id: '7' })).toBe('orders.7.placed');
    expect(Placed.parse('orders.7.placed')).toEqual({ id: '7' });
    expect(Uploaded.subject({ bucket: 'photos', rest: '2026.june' })).toBe('files.photos.2026.june');
    expect(Uploaded.parse('files.photos.2026.june')).toEqual({ bucket: 'photos', rest: '2026.june' });
    expect(Started.subject({})).toBe('service.started');
    expect(Started.parse('service.started')).toEqual({});
    expect(defineMessage({ subject: ':a.:b' }).subject({ a: '1', b: '2' })).toBe('1.2');
    expect(Placed.subject({ id: 'größe,€-7' })).toBe('orders.größe,€-7.placed');
  });

  it.each(['orders.7', 'orders.7.placed.x', 'orders.7.cancelled', 'others.7.placed', ''])(
    'of another message, "%s", is not read',
    (subject) => {
      expect(Placed.matches(subject)).toBe(false);
      expect(() => Placed.parse(subject)).toThrow(InvalidSubjectError);
    },
  );

  it('with one token less than the rest needs is not read', () => {
    expect(Uploaded.matches('files.photos')).toBe(false);
    expect(Uploaded.matches('files.photos.a')).toBe(true);
  });

  it.each([
    '',
    'a.b',
    '*',
    'a*',
    '>',
    'a>b',
    'a b',
    'a\tb',
    'a\nb',
    'a\r\nPUB x',
    '\u0000',
    '\u007f',
    '\u0085',
    '\u00a0',
    '\u2028',
    '\ufeff',
    '\ud800',
    undefined,
    null,
    5,
    {},
    ['a'],
    Symbol('a'),
  ])('is not made with the value %j', (id) => {
    const fill = (): string => Placed.subject({ id } as { id: string });
    expect(fill).toThrow(InvalidArgumentError);
    expect(fill).toThrow(/params\.id: .* is not one token/);
  });

  it.each(['', '.', 'a.', '.a', 'a..b', 'a.*', 'a.>', 'a b.c'])('is not made with the rest "%s"', (rest) => {
    expect(() => Uploaded.subject({ bucket: 'b', rest })).toThrow(
      /params\.rest: .* is not one or more tokens/,
    );
  });

  it.each([undefined, null, 'id', 5])('is not made without parameters: %j', (params) => {
    expect(() => Placed.subject(params as never)).toThrow(/params: .* is not an object with the parameters/);
  });

  it('does not take inherited names for parameters', () => {
    const odd = defineMessage({ subject: 'a.:constructor.:toString' });
    expect(() => odd.subject({} as never)).toThrow(InvalidArgumentError);
    expect(odd.parse('a.b.c')).toEqual({ constructor: 'b', toString: 'c' });
  });
});

describe('a definition', () => {
  it.each([
    ['', 'subject'],
    ['orders.*.placed', 'needs a name'],
    ['orders.>.placed', 'only allowed as the last token'],
    ['orders..placed', 'empty tokens'],
    ['orders.:.placed', 'is not a parameter'],
    ['orders.:1.placed', 'is not a parameter'],
    ['orders.:a-b', 'is not a parameter'],
    ['orders.:id.:id', 'two parameters named "id"'],
    ['files.:rest.>', 'two parameters named "rest"'],
    ['orders.a b', 'spaces'],
    ['orders.a*', 'inside of a token'],
    ['orders.', 'empty tokens'],
    ['orders.\u0000', 'spaces'],
  ])('with the subject "%s" is refused', (subject, problem) => {
    expect(() => defineMessage({ subject })).toThrow(problem);
  });

  it.each([
    [{ schema: { type: 'object' } }, 'Standard Schema'],
    [{ schema: () => true }, 'Standard Schema'],
    [{ name: 'two words' }, 'a name of letters'],
    [{ validate: 'never' }, 'one of "publish", "consume", "both", "off"'],
    [{ core: 'yes' }, 'true or false'],
    [{ contentType: 'json' }, 'a media type'],
    [{ contentType: 'application/json\r\nX: y' }, 'a media type'],
    [{ summary: 1 }, 'a string'],
    [{ examples: {} }, 'a list of payloads'],
    [{ headers: { 'two words': 'text' } }, 'the name of a header'],
    [{ headers: { Tenant: 1 } }, 'a string'],
    [{ tags: 'orders' }, 'a list of strings'],
    [{ stream: 'ORDERS' }, 'there is no option "stream"'],
    [{ subject: 5 }, 'subject'],
  ])('with %j is refused', (options, problem) => {
    const define = (): unknown => defineMessage({ subject: 'a', ...options } as MessageDefinition);
    expect(define).toThrow(InvalidArgumentError);
    expect(define).toThrow(problem);
  });

  it('keeps what documents the message', () => {
    const documented = defineMessage({
      subject: 'a',
      schema: z.object({ id: z.number() }),
      summary: 'A summary',
      description: 'A description',
      contentType: 'application/json',
      examples: [{ id: 1 }],
      headers: { Tenant: 'The tenant' },
      tags: ['orders'],
    });
    expect(documented).toMatchObject({
      summary: 'A summary',
      description: 'A description',
      contentType: 'application/json',
      examples: [{ id: 1 }],
      headers: { Tenant: 'The tenant' },
      tags: ['orders'],
    });
  });
});
