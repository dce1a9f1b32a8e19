import { toAsyncAPIDocument } from '@asyncapi/parser';
import { describe, expect, it } from 'vitest';
import { outlineOf, parsedDocument } from '../../../browser/asyncapi-page/viewer-document.js';

const ref = (path: string): object => ({ $ref: `#/${path}` });

const document = (): object => ({
  asyncapi: '3.0.0',
  info: { title: 'Shop', version: '1.0.0' },
  servers: { main: { host: 'localhost:4222', protocol: 'nats' } },
  channels: {
    'a/b': {
      address: 'a.{id}',
      servers: [ref('servers/main')],
      messages: { moved: ref('components/messages/moved') },
    },
  },
  operations: {
    move: {
      action: 'receive',
      channel: ref('channels/a~1b'),
      messages: [ref('channels/a~1b/messages/moved')],
    },
  },
  components: {
    messages: { moved: { name: 'moved', payload: ref('components/schemas/Category') } },
    schemas: {
      Category: {
        type: 'object',
        properties: {
          children: { type: 'array', items: ref('components/schemas/Category') },
          '$ref of nothing': ref('components/schemas/Missing'),
          inherited: ref('components/schemas/constructor'),
        },
      },
    },
  },
});

describe('the document for the viewer', () => {
  it('is one that the parser of AsyncAPI has parsed', () => {
    const parsed = toAsyncAPIDocument(parsedDocument(document()));
    const [operation] = parsed?.operations().all() ?? [];
    expect(operation?.id()).toBe('move');
    expect(
      operation
        ?.channels()
        .all()
        .map((channel) => channel.address()),
    ).toEqual(['a.{id}']);
    const [message] = operation?.messages().all() ?? [];
    expect(message?.name()).toBe('moved');
    expect(message?.payload()?.id()).toBe('Category');
  });

  it('has no references, and cuts a schema that contains itself', () => {
    const parsed = parsedDocument(document());
    expect(JSON.stringify(parsed)).not.toContain('"$ref":');
    expect(parsed).toMatchObject({
      components: {
        schemas: {
          Category: {
            properties: {
              children: { items: { title: 'Category', 'x-parser-circular': true } },
              '$ref of nothing': { description: '#/components/schemas/Missing cannot be found.' },
              inherited: { description: '#/components/schemas/constructor cannot be found.' },
            },
          },
        },
      },
    });
  });

  it('has an outline for a page without the viewer', () => {
    expect(outlineOf(document())).toEqual(['receive a.{id} (move)']);
  });
});
