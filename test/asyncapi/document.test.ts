import { Controller, Injectable, Module, type Type } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { IsString } from 'class-validator';
import {
  defineMessage,
  HandlerConfigurationError,
  InvalidArgumentError,
  JetStreamModule,
  JsConsumer,
  KvWatch,
  type PayloadOf,
} from 'nestjs-nats-jetstream';
import { type AsyncApiDocument, createAsyncApiDocument } from 'nestjs-nats-jetstream/asyncapi';
import { JetStreamServer } from 'nestjs-nats-jetstream/microservice';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { documentOf, documentWith, INFO } from './create-document.js';
import { createServer, ShopModule } from './shop.js';

const shop = async (): Promise<AsyncApiDocument> =>
  (await documentOf({ imports: [ShopModule.on(undefined)] }, { microservices: [createServer()] })).document;

describe('the document of an application that uses every feature', () => {
  let document: AsyncApiDocument;

  beforeAll(async () => {
    document = await shop();
  });

  it('describes a consumer of a contract', () => {
    expect(document.operations['Shop.onPlaced']).toBeUndefined();
    expect(document.operations['ShopModule.Billing.onPlaced']).toEqual({
      action: 'receive',
      channel: { $ref: '#/channels/orders.id.placed' },
      description: 'Bills orders',
      messages: [{ $ref: '#/channels/orders.id.placed/messages/orders.id.placed' }],
      'x-jetstream': {
        kind: 'consumer',
        handler: 'ShopModule/Billing.onPlaced',
        connection: 'default',
        stream: 'ORDERS',
        durable: 'billing',
        filterSubjects: ['orders.*.placed'],
        ackMode: 'auto',
        ackPolicy: 'explicit',
        ackWait: 30_000,
        maxDeliver: 7,
        backoff: [100, 200],
        concurrency: 8,
        deadLetter: { stream: 'DEAD_LETTERS', subject: 'dead-letters.ORDERS.billing' },
      },
    });
    expect(document.channels['orders.id.placed']).toMatchObject({
      address: 'orders.{id}.placed',
      parameters: { id: { description: 'One token of the subject.' } },
      servers: [{ $ref: '#/servers/default' }],
      messages: { 'orders.id.placed': { $ref: '#/components/messages/orders.id.placed' } },
      'x-jetstream': { kind: 'stream', filter: 'orders.*.placed', stream: 'ORDERS' },
    });
  });

  it('describes a message by its contract', () => {
    expect(document.components.messages['orders.id.placed']).toEqual({
      name: 'orders.id.placed',
      summary: 'A customer placed an order',
      description: 'Sent once for **each** order.',
      contentType: 'application/json',
      headers: {
        type: 'object',
        properties: { 'X-Tenant': { type: 'string', description: 'The tenant of the shop' } },
      },
      payload: {
        type: 'object',
        properties: {
          customer: { type: 'string', minLength: 1 },
          total: { type: 'number', minimum: 0 },
          at: { type: 'string', format: 'date-time' },
          billing: { $ref: '#/components/schemas/orders.id.placed.Address' },
          shipping: { $ref: '#/components/schemas/orders.id.placed.Address' },
        },
        required: ['customer', 'total', 'at', 'billing'],
      },
      examples: [
        {
          payload: {
            customer: 'Sue',
            total: 9.5,
            at: '1970-01-01T00:00:00.000Z',
            billing: { street: '1 Main St', city: 'Springfield' },
          },
        },
      ],
      tags: [{ name: 'orders' }],
      'x-jetstream': { contract: 'orders.:id.placed', validate: 'both' },
    });
  });

  it('gives each subject of a handler an operation, and each method of a class', () => {
    const keys = Object.keys(document.operations).filter((key) => /^(Audit|Statistics)/.test(key));
    expect(keys).toEqual([
      'Audit.record.orders.id.cancelled',
      'Audit.record.orders.id.placed',
      'Statistics.cancelled',
      'Statistics.placed',
    ]);
    expect(document.operations['Statistics.placed']?.['x-jetstream']).toMatchObject({
      handler: 'Statistics',
      durable: 'statistics',
      filterSubjects: ['orders.*.placed', 'orders.*.cancelled'],
    });
  });

  it('describes what publishers and results send', () => {
    expect(document.operations['send.orders.id.placed']).toMatchObject({
      action: 'send',
      channel: { $ref: '#/channels/orders.id.placed' },
      'x-jetstream': { kind: 'publisher', connection: 'default', stream: 'ORDERS' },
    });
    expect(document.operations['ShopModule.Billing.onPlaced.send']).toMatchObject({
      action: 'send',
      channel: { $ref: '#/channels/invoices.order' },
      'x-jetstream': { kind: 'result', subject: 'invoices.:order', stream: 'INVOICES' },
    });
    expect(document.operations['Handlers.limited.send']).toMatchObject({
      channel: { $ref: '#/channels/copies.token1' },
      'x-jetstream': { subject: 'copies.{1}' },
    });
    const chosen = document.operations['Handlers.everything.send'];
    expect(chosen?.['x-jetstream']).toMatchObject({ subject: 'function' });
    expect(document.channels['Handlers.everything.send']).toMatchObject({ address: null });
  });

  it('names the wildcards of filters without a contract', () => {
    expect(document.channels['legacy.token1.a.rest']).toMatchObject({
      address: 'legacy.{token1}.a.{rest}',
      parameters: {
        token1: { description: 'One token of the subject.' },
        rest: { description: 'One or more tokens of the subject, separated by dots.' },
      },
      'x-jetstream': { filter: 'legacy.*.a.>', stream: 'LEGACY' },
    });
    // The contract names the parameter of the same subjects.
    expect(document.operations['Handlers.archive']).toMatchObject({
      channel: { $ref: '#/channels/orders.id.placed' },
      messages: [{ $ref: '#/channels/orders.id.placed/messages/orders.id.placed' }],
      'x-jetstream': { batch: { size: 100, maxWait: 50 } },
    });
    expect(document.operations['Handlers.pushed']).toMatchObject({
      channel: { $ref: '#/channels/orders.token1.token2' },
      messages: [
        { $ref: '#/channels/orders.token1.token2/messages/orders.id.cancelled' },
        { $ref: '#/channels/orders.token1.token2/messages/orders.id.placed' },
      ],
      'x-jetstream': {
        kind: 'push-consumer',
        push: { deliverSubject: 'push.orders', deliverGroup: 'group' },
      },
    });
  });

  it('describes a handler of a whole stream by the subjects of the stream, if they are declared', () => {
    const replays = Object.keys(document.operations).filter((key) => key.startsWith('Handlers.replay'));
    expect(replays).toEqual([
      'Handlers.replay.orders.id.cancelled',
      'Handlers.replay.orders.id.placed',
      'Handlers.replay.special.token1',
    ]);
    expect(document.operations['Handlers.everything']?.channel).toEqual({
      $ref: '#/channels/stream.NOWHERE',
    });
    expect(document.channels['stream.NOWHERE']).toMatchObject({
      address: null,
      'x-jetstream': { kind: 'stream', stream: 'NOWHERE' },
    });
  });

  it('describes the payload of a handler by its schema, or by the class of its parameter', () => {
    const { messages, schemas } = document.components;
    expect(messages['Handlers.limited']?.payload).toMatchObject({
      properties: { only: { type: 'string', const: 'this' } },
    });
    expect(messages.Line?.payload).toEqual({ $ref: '#/components/schemas/Line' });
    expect(schemas.Line).toEqual({
      type: 'object',
      properties: {
        article: { type: 'string', minLength: 2 },
        quantity: { type: 'integer', minimum: 1, maximum: 1_000 },
      },
      required: ['article', 'quantity'],
    });
    expect(schemas.Invoice).toMatchObject({
      properties: {
        currency: { type: 'string', enum: ['EUR', 'USD'] },
        lines: { type: 'array', items: { $ref: '#/components/schemas/Line' } },
      },
      required: ['customer', 'currency', 'lines'],
    });
    expect(messages['Handlers.onNote']?.payload).toEqual({ type: 'string' });
    expect(messages['Handlers.everything']).toMatchObject({ contentType: 'text/plain' });
  });

  it('describes options that JetStream has beyond AsyncAPI', () => {
    expect(document.operations['Handlers.limited']?.['x-jetstream']).toMatchObject({
      orderBy: 1,
      rateLimit: { messages: 10, per: 1_000 },
      circuitBreaker: { failureRatio: 0.25 },
      idempotent: { bucket: 'handled', key: 'Order-Id', ttl: 60_000 },
    });
    const legacy = document.operations['Handlers.legacy.legacy.b']?.['x-jetstream'];
    expect(legacy).toMatchObject({ ackMode: 'none', ackPolicy: 'none' });
    expect(legacy).not.toHaveProperty('ackWait');
  });

  it('describes subscriptions of core NATS with their queue groups', () => {
    expect(document.operations['Handlers.onPrice']).toMatchObject({
      channel: { $ref: '#/channels/prices.article' },
      bindings: { nats: { queue: 'tickers', bindingVersion: '0.1.0' } },
      'x-jetstream': { kind: 'subscription' },
    });
    expect(document.channels['prices.article']?.['x-jetstream']).toEqual({
      kind: 'core',
      filter: 'prices.*',
    });
  });

  it('describes watches, and declared buckets', () => {
    expect(document.operations['Handlers.onSetting.kv.settings.shop.token']).toMatchObject({
      channel: { $ref: '#/channels/kv.settings.shop.token' },
      'x-jetstream': { kind: 'key-value-watch', bucket: 'settings', keys: ['shop.*', 'limits'] },
    });
    expect(document.channels['kv.settings.shop.token']?.address).toBe('$KV.settings.shop.{token1}');
    expect(document.channels['kv.untouched.rest']?.address).toBe('$KV.untouched.{rest}');
    expect(document.operations['Handlers.onFile']).toMatchObject({
      channel: { $ref: '#/channels/objects.files' },
      messages: [{ $ref: '#/channels/objects.files/messages/ObjectInfo' }],
      'x-jetstream': { kind: 'object-watch', bucket: 'files', ignoreDeletes: true },
    });
    expect(document.servers.default?.['x-jetstream']).toMatchObject({
      connection: 'default',
      streams: { INVOICES: { name: 'INVOICES', subjects: ['invoices.*'] } },
      keyValues: { settings: { bucket: 'settings', history: 5, ttl: 1_000 } },
      objectStores: { files: { bucket: 'files' } },
    });
  });

  it('describes handlers of dead letters', () => {
    const operation = document.operations['Handlers.onDeadLetter'];
    expect(operation).toMatchObject({
      channel: { $ref: '#/channels/dead-letters.ORDERS.token1' },
      'x-jetstream': { stream: 'DEAD_LETTERS', deadLetters: { stream: 'ORDERS' }, maxDeliver: 5 },
    });
    const message = document.components.messages['Handlers.onDeadLetter'];
    expect(message?.headers).toMatchObject({ properties: { 'Dead-Letter-Reason': { type: 'string' } } });
  });

  it('describes patterns of microservices, with the answers of requests', () => {
    expect(document.operations['Warehouse.onPlaced']).toMatchObject({
      channel: { $ref: '#/channels/warehouse.orders.id.placed' },
      messages: [{ $ref: '#/channels/warehouse.orders.id.placed/messages/orders.id.placed' }],
      'x-jetstream': {
        kind: 'event',
        service: 'warehouse',
        mode: 'jetstream',
        stream: 'STORED',
        durable: 'warehouse_orders-any-placed',
        maxDeliver: 5,
        concurrency: 4,
      },
    });
    expect(document.operations['Warehouse.onStock']).not.toHaveProperty('bindings');
    expect(document.operations['Warehouse.count']).toMatchObject({
      action: 'receive',
      reply: {
        channel: { $ref: '#/channels/warehouse.Warehouse.count.reply' },
        messages: [{ $ref: '#/channels/warehouse.Warehouse.count.reply/messages/Warehouse.count.answer' }],
      },
      bindings: { nats: { queue: 'warehouse' } },
    });
    expect(document.components.messages['Warehouse.count.answer']?.payload).toEqual({ type: 'number' });
    expect(document.operations['Warehouse.reserve']).toMatchObject({
      reply: {
        address: { location: '$message.header#/Request-Reply-To' },
        messages: [{ $ref: '#/channels/warehouse.Warehouse.reserve.reply/messages/Line' }],
      },
      'x-jetstream': { kind: 'request', mode: 'jetstream', stream: 'RESERVATIONS' },
    });
    expect(document.channels['warehouse._cmd_sum_']).toMatchObject({
      address: null,
      'x-jetstream': { filter: '{"cmd":"sum"}' },
    });
  });

  it('has one server for each connection, and never a credential', () => {
    const hosts = Object.entries(document.servers).map(([name, { host }]) => [name, host]);
    expect(hosts).toEqual([
      ['default', 'localhost:4222'],
      ['other', 'one.example.com:4222'],
      ['warehouse', 'warehouse.example.com:4222'],
    ]);
    expect(document.servers.other?.['x-jetstream'].hosts).toEqual([
      'one.example.com:4222',
      'two.example.com:5222',
    ]);
    expect(JSON.stringify(document)).not.toMatch(/s3cret|t0ken|pwd|user:|"user"|token@|me:/);
  });

  it('distinguishes connections, and classes of one name', () => {
    expect(document.channels['other.orders.id.placed']).toMatchObject({
      address: 'orders.{id}.placed',
      servers: [{ $ref: '#/servers/other' }],
    });
    expect(document.operations['Elsewhere.onPlaced']?.channel).toEqual({
      $ref: '#/channels/other.orders.id.placed',
    });
    expect(document.operations['send.other.orders.id.placed']).toBeDefined();
    const billing = Object.keys(document.operations).filter((key) => key.endsWith('Billing.onPlaced'));
    expect(billing).toEqual(['SecondModule.Billing.onPlaced', 'ShopModule.Billing.onPlaced']);
  });

  it('is plain, sorted and the same in each run', async () => {
    expect(JSON.parse(JSON.stringify(document))).toEqual(document);
    for (const map of ['channels', 'operations', 'servers'] as const) {
      expect(Object.keys(document[map])).toEqual(Object.keys(document[map]).toSorted());
    }
    expect(JSON.stringify(await shop())).toBe(JSON.stringify(document));
  });

  it('contains only references that resolve', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(
      ([, path]) => path,
    );
    expect(references.length).toBeGreaterThan(50);
    const broken = references.filter(
      (path) =>
        path
          .split('/')
          .reduce<unknown>(
            (part, name) => (part as Record<string, unknown> | undefined)?.[name],
            document,
          ) === undefined,
    );
    expect(broken).toEqual([]);
  });
});

describe('a document', () => {
  const Placed = defineMessage({ subject: 'orders.:id.placed', schema: z.object({ total: z.number() }) });

  @Injectable()
  class Service {
    @JsConsumer(Placed, { durable: 'service' })
    onPlaced(@Payload() _order: PayloadOf<typeof Placed>): void {}

    @JsConsumer({ stream: 'ORDERS', durable: 'all' })
    onAny(): void {}

    @KvWatch('settings')
    onSetting(): void {}
  }

  const feature = {
    streams: [{ name: 'ORDERS', subjects: ['orders.>'], storage: 'memory' as const }],
    keyValues: [{ bucket: 'settings', storage: 'memory' as const }],
    messages: [Placed],
  };

  it('is the same with a server and without one', async () => {
    await using server = await NatsTestServer.start();
    const servers = { default: { host: 'nats.example.com:4222' } };
    const [connected, unconnected] = await Promise.all(
      [true, false].map((connect) =>
        documentOf(
          {
            imports: [
              JetStreamModule.forRoot({ connect, connection: { servers: server.url } }),
              JetStreamModule.forFeature(feature),
            ],
            providers: [Service],
          },
          { servers },
        ),
      ),
    );
    expect(connected?.document).toEqual(unconnected?.document);
    expect(Object.keys(connected?.document.operations ?? {})).toEqual([
      'Service.onAny',
      'Service.onPlaced',
      'Service.onSetting',
      'send.orders.id.placed',
    ]);
  });

  it('leaves out the stream of a message that only the server knows', async () => {
    const { document } = await documentOf({
      imports: [JetStreamModule.forRoot({ connect: false })],
      providers: [Service],
    });
    expect(document.operations['Service.onPlaced']?.['x-jetstream']).not.toHaveProperty('stream');
    expect(document.channels['orders.id.placed']?.['x-jetstream']).toEqual({
      kind: 'stream',
      filter: 'orders.*.placed',
    });
  });

  it('works before the hooks of the application have run', async () => {
    const app = await Test.createTestingModule({
      imports: [JetStreamModule.forRoot({ connect: false }), JetStreamModule.forFeature(feature)],
      providers: [Service],
    }).compile();
    const document = await createAsyncApiDocument(app, { info: INFO });
    expect(Object.keys(document.operations)).toContain('Service.onPlaced');
  });

  it('describes a microservice without a JetStreamModule', async () => {
    @Controller()
    class Calculator {
      @MessagePattern('sum')
      sum(@Payload() _numbers: number[]): number {
        return 0;
      }
    }
    @Module({ controllers: [Calculator] })
    class CalculatorModule {}
    const testing = await Test.createTestingModule({ imports: [CalculatorModule] }).compile();
    const strategy = new JetStreamServer({ name: 'calculator', connection: { servers: 'nats.example.com' } });
    const app = testing.createNestMicroservice({ strategy });
    const document = await createAsyncApiDocument(app, { info: INFO });
    expect(document.servers).toEqual({
      calculator: {
        host: 'nats.example.com:4222',
        protocol: 'nats',
        'x-jetstream': { connection: 'calculator' },
      },
    });
    expect(document.operations['Calculator.sum']).toMatchObject({
      channel: { $ref: '#/channels/sum' },
      'x-jetstream': { service: 'calculator', kind: 'request' },
      bindings: { nats: { queue: 'calculator' } },
    });
    await app.close();
  });

  it('takes further texts from its options', async () => {
    const { document } = await documentOf(
      { imports: [JetStreamModule.forRoot({ connect: false })] },
      {
        id: 'urn:com:example:shop',
        info: {
          ...INFO,
          description: 'Sells things',
          contact: { name: 'Sue', email: 'sue@example.com' },
          license: { name: 'Apache-2.0' },
          tags: [{ name: 'shop' }],
          externalDocs: { url: 'https://example.com/docs' },
        },
        servers: { default: { description: 'The cluster of the shop', host: 'nats.example.com:4222' } },
      },
    );
    expect(document.id).toBe('urn:com:example:shop');
    expect(document.info).toMatchObject({ license: { name: 'Apache-2.0' }, tags: [{ name: 'shop' }] });
    expect(document.servers.default).toMatchObject({
      host: 'nats.example.com:4222',
      description: 'The cluster of the shop',
    });
  });

  it.each([
    ['no info', {}, /Invalid info: set it to an object/],
    ['no title', { info: { version: '1' } }, /title/],
    ['an unknown option', { info: INFO, server: {} }, /"server"; did you mean "servers"/],
    [
      'an unknown connection',
      { info: INFO, servers: { others: {} } },
      /no connection "others"; .* "default"/,
    ],
    ['a host with a user', { info: INFO, servers: { default: { host: 'me:pwd@host' } } }, /without a user/],
    ['an id that is not a URI', { info: INFO, id: 'shop' }, /Invalid id/],
    ['a service that is not one', { info: INFO, microservices: [{}] }, /JetStreamServer/],
  ])('is refused with %s', async (_, options, message) => {
    const app = await Test.createTestingModule({
      imports: [JetStreamModule.forRoot({ connect: false })],
    }).compile();
    const failed = createAsyncApiDocument(app, options as never);
    await expect(failed).rejects.toThrow(message);
    await expect(failed).rejects.toBeInstanceOf(InvalidArgumentError);
  });

  it('is refused while handlers have mistakes, with all of them', async () => {
    @Injectable()
    class Wrong {
      @JsConsumer({ stream: 'A', durable: 'x', ordered: true } as never)
      one(): void {}

      @KvWatch('no/bucket')
      two(): void {}
    }
    const app = await Test.createTestingModule({
      imports: [JetStreamModule.forRoot({ connect: false })],
      providers: [Wrong as Type],
    }).compile();
    const failed = createAsyncApiDocument(app, { info: INFO });
    await expect(failed).rejects.toThrow(/Wrong\.one[^]*Wrong\.two/);
    await expect(failed).rejects.toBeInstanceOf(HandlerConfigurationError);
  });

  it('numbers messages and schemas of different classes with one name', async () => {
    const classes = ['first', 'second'].map((property) => {
      class Order {
        readonly known = true;
      }
      IsString()(Order.prototype, property);
      const { subject } = { subject: `${property}.:id` };
      return defineMessage({ subject, name: property, schema: Order });
    });
    const { document } = await documentWith(classes);
    const { messages, schemas } = document.components;
    expect(messages.first?.payload).toEqual({ $ref: '#/components/schemas/Order' });
    expect(messages.second?.payload).toEqual({ $ref: '#/components/schemas/Order-2' });
    expect(schemas['Order-2']).toMatchObject({ required: ['second'] });
  });
});
