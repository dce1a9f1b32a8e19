import { JetStreamService } from 'nestjs-nats-jetstream';
import { connect, type NatsConnection } from 'nestjs-nats-jetstream/nats';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.js';
import { Billing, PLATFORMS, Quotes, serveShop, type ServedShop } from './shop.js';

const EVERYTHING = { publish: true, request: true, dryRun: true, messages: true };
const ORDER = { customer: 'ann', total: 7 };
/** The key of the channel of orders. */
const ORDERS = 'orders.id.placed';

interface Described {
  readonly channels: readonly {
    readonly channel: string;
    readonly address: string;
    readonly params: readonly string[];
    readonly actions: readonly string[];
    readonly example?: unknown;
  }[];
}

let server: NatsTestServer;
let nc: NatsConnection;
beforeAll(async () => {
  server = await NatsTestServer.start();
  nc = await connect({ servers: server.url });
});
afterAll(async () => {
  await nc.close();
  await server.stop();
});

const described = async (page: ServedShop): Promise<Described> =>
  (await (await page.get('/asyncapi/try-it.json')).json()) as Described;

/** How many messages the stream of orders has. */
const stored = async ({ app }: ServedShop): Promise<number> =>
  (await (await app.get(JetStreamService).stream('ORDERS')).info()).state.messages;

const audits = ({ logs }: ServedShop): string[] => logs.of('log', 'JetStreamAsyncApi');

describe.each(PLATFORMS)('trying on %s', (platform) => {
  // Hostile requests change nothing, so they share an application.
  let target: NatsTestServer;
  let shared: ServedShop;
  beforeAll(async () => {
    target = await NatsTestServer.start();
    shared = await serveShop(target.url, {
      platform,
      page: { tryIt: { ...EVERYTHING, maxPerMinute: 10_000 } },
    });
  });
  afterAll(async () => {
    await shared[Symbol.asyncDispose]();
    await target.stop();
  });

  it('is off by default', async () => {
    await using page = await serveShop(server.url, { platform });
    expect((await page.get('/asyncapi/try-it.json')).status).toBe(404);
    expect((await page.act('publish', { channel: ORDERS, params: { id: '1' }, payload: ORDER })).status).toBe(
      404,
    );
    expect(await (await page.get('/asyncapi')).text()).not.toContain('try-it');
  });

  it('lists the channels of the application with their actions', async () => {
    await using page = await serveShop(server.url, { platform, page: { tryIt: EVERYTHING }, quotes: true });
    const { channels } = await described(page);
    expect(channels.find(({ channel }) => channel === ORDERS)).toEqual({
      channel: ORDERS,
      address: 'orders.{id}.placed',
      params: ['id'],
      summary: 'A customer placed an order',
      contentType: 'application/json',
      example: ORDER,
      actions: ['publish', 'dry-run', 'messages'],
    });
    expect(channels.find(({ address }) => address === 'prices.{article}')?.actions).toEqual([
      'publish',
      'dry-run',
    ]);
  });

  it('publishes a valid message to its stream', async () => {
    await using page = await serveShop(server.url, { platform, page: { tryIt: { publish: true } } });
    const before = await stored(page);
    const { status, body } = await page.act('publish', {
      channel: ORDERS,
      params: { id: '7' },
      payload: ORDER,
    });
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        subject: 'orders.7.placed',
        stored: true,
        stream: 'ORDERS',
        sequence: before + 1,
        duplicate: false,
      },
    });
    await eventually(
      () => page.app.get(Billing).orders,
      (orders) => orders.some(({ total }) => total === 7),
    );
    expect(audits(page)).toContain('Page: publish on "orders.7.placed" by a caller: done');
  });

  it('publishes over core NATS', async () => {
    await using page = await serveShop(server.url, { platform, page: { tryIt: { publish: true } } });
    const received: unknown[] = [];
    const subscription = nc.subscribe('prices.*', {
      callback: (_, message) => void received.push(message.json()),
    });
    await nc.flush();
    const { body } = await page.act('publish', {
      channel: 'prices.article',
      params: { article: 'pen' },
      payload: { price: 2 },
    });
    expect(body).toEqual({ subject: 'prices.pen', stored: false });
    await eventually(
      () => received,
      ({ length }) => length === 1,
    );
    expect(received).toEqual([{ price: 2 }]);
    subscription.unsubscribe();
  });

  it.each([
    ['a payload that the contract refuses', { payload: { customer: 'ann', total: 'seven' } }, 422, 'total'],
    ['no payload', { payload: undefined }, 400, 'payload is missing'],
    ['a parameter with a wildcard', { params: { id: '*' } }, 400, 'params.id'],
    ['a parameter with ">"', { params: { id: '>' } }, 400, 'params.id'],
    ['a parameter with several tokens', { params: { id: 'a.b' } }, 400, 'params.id'],
    ['a parameter with CR LF', { params: { id: 'a\r\nPUB x 0' } }, 400, 'params.id'],
    ['a parameter with a space', { params: { id: 'a b' } }, 400, 'params.id'],
    ['an empty parameter', { params: { id: '' } }, 400, 'params.id'],
    ['a missing parameter', { params: {} }, 400, 'params.id'],
    ['a parameter of another type', { params: { id: 7 } }, 400, 'must be strings'],
    ['an inherited parameter', { params: { __proto__: { id: '7' } } }, 400, 'params.id'],
    ['params that are a list', { params: ['7'] }, 400, 'params'],
    [
      'an unknown parameter',
      { params: { id: '7', customer: 'ann', constructor: 'x' } },
      400,
      'params has the unknown names "customer", "constructor". The channel "orders.id.placed" has the parameters "id".',
    ],
    [
      'an unknown parameter that is very long',
      { params: { id: '7', ['x'.repeat(5_000)]: '' } },
      400,
      'unknown names',
    ],
    ['a very long parameter', { params: { id: 'x'.repeat(5_000) } }, 400, 'too long'],
    ['a subject in place of a channel', { channel: 'orders.7.placed' }, 404, 'no such channel'],
    ['an unknown channel', { channel: 'nothing' }, 404, 'no such channel'],
    ['the JetStream API', { channel: '$JS.API.STREAM.DELETE.ORDERS' }, 404, 'no such channel'],
    ['the system account', { channel: '$SYS.REQ.SERVER.PING' }, 404, 'no such channel'],
    ['a bucket', { channel: '$KV.profiles.{key}' }, 404, 'no such channel'],
    ['a wildcard', { channel: 'orders.>' }, 404, 'no such channel'],
    ['everything', { channel: '>' }, 404, 'no such channel'],
    ['a name of prototypes', { channel: 'constructor' }, 404, 'no such channel'],
    ['__proto__', { channel: '__proto__' }, 404, 'no such channel'],
    ['a number as channel', { channel: 7 }, 400, 'channel'],
    ['an unknown member', { subject: '$SYS.x' }, 400, 'unknown member'],
    ['headers', { headers: { 'Nats-Rollup': 'all' } }, 400, 'unknown member'],
    ['a payload that is too large', { payload: { customer: 'x'.repeat(70_000), total: 1 } }, 413, '65536'],
  ])('refuses %s', async (_, change, status, problem) => {
    const before = await stored(shared);
    const request = { channel: ORDERS, params: { id: '7' }, payload: ORDER, ...change };
    for (const action of ['publish', 'dry-run']) {
      const answer = await shared.act(action, request);
      expect({ action, status: answer.status }).toEqual({ action, status });
      expect(answer.body.error?.message).toContain(problem);
      expect(JSON.stringify(answer.body)).not.toMatch(/\.(ts|js):\d/);
    }
    expect(await stored(shared)).toBe(before);
  });

  it.each([
    ['no JSON', '{', [400]],
    ['a list', '[]', [400]],
    ['null', 'null', [400]],
    ['text', '"orders"', [400]],
    ['nothing', '', [400]],
    ['a prototype', '{"__proto__":{"channel":"orders.id.placed","params":{"id":"7"},"payload":{}}}', [400]],
    ['a constructor', '{"constructor":{"prototype":{}},"channel":"orders.id.placed"}', [400]],
    [
      'deep nesting',
      `{"channel":"${ORDERS}","params":{"id":"7"},"payload":${'['.repeat(30_000)}${']'.repeat(30_000)}}`,
      [400, 422],
    ],
  ])('refuses a body that is %s', async (_, body, statuses) => {
    const before = await stored(shared);
    const answer = await shared.act('publish', body);
    expect(statuses).toContain(answer.status);
    expect(JSON.stringify(answer.body)).not.toMatch(/\.(ts|js):\d/);
    expect(await stored(shared)).toBe(before);
    expect({}).not.toHaveProperty('channel');
  });

  it.each<[string, Record<string, string>, number]>([
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
    ['plain text', { 'content-type': 'text/plain' }, 415],
    ['JSON as text', { 'content-type': 'text/plain; application/json' }, 415],
    ['no header of its own', { 'x-jetstream-page': '' }, 403],
    ['another origin', { origin: 'https://evil.example' }, 403],
    ['an opaque origin', { origin: 'null' }, 403],
    ['an origin that begins the same', { origin: 'http://127.0.0.1.evil.example' }, 403],
    ['another port', { origin: 'http://127.0.0.1:1' }, 403],
    ['a cross-site request', { 'sec-fetch-site': 'cross-site' }, 403],
    ['a same-site request', { 'sec-fetch-site': 'same-site' }, 403],
    ['a request of no site', { 'sec-fetch-site': 'none' }, 403],
  ])('refuses %s', async (_, headers, status) => {
    const before = await stored(shared);
    const body = JSON.stringify({ channel: ORDERS, params: { id: '7' }, payload: ORDER });
    const all = { 'content-type': 'application/json', 'x-jetstream-page': '1', ...headers };
    const sent = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''));
    for (const action of ['publish', 'request', 'dry-run', 'messages']) {
      const { url } = shared;
      expect((await send(`${url}/asyncapi/try-it/${action}`, sent, body)).status, action).toBe(status);
    }
    expect(await stored(shared)).toBe(before);
  });

  it('accepts the origin of the page', async () => {
    await using page = await serveShop(server.url, { platform, page: { tryIt: EVERYTHING } });
    const body = JSON.stringify({ channel: ORDERS, params: { id: '7' }, payload: ORDER });
    const headers = {
      'content-type': 'application/json; charset=utf-8',
      'x-jetstream-page': '1',
      origin: page.url,
    };
    expect((await send(`${page.url}/asyncapi/try-it/publish`, headers, body)).status).toBe(200);
  });

  it.each(['publish', 'request', 'dry-run', 'messages'] as const)(
    'refuses %s if it is off',
    async (action) => {
      const option = action === 'dry-run' ? 'dryRun' : action;
      await using page = await serveShop(server.url, {
        platform,
        page: { tryIt: { ...EVERYTHING, [option]: false } },
      });
      expect((await page.act(action, { channel: ORDERS, params: { id: '7' }, payload: ORDER })).status).toBe(
        404,
      );
      const { channels } = await described(page);
      expect(channels.flatMap(({ actions }) => actions)).not.toContain(action);
    },
  );

  it('sends a request and shows the reply, masked', async () => {
    await using page = await serveShop(server.url, {
      platform,
      quotes: true,
      page: { tryIt: { request: true, mask: (payload, subject) => ({ payload, subject, masked: true }) } },
    });
    const { channels } = await described(page);
    expect(channels.map(({ address, actions }) => ({ address, actions }))).toEqual([
      { address: 'discounts.{customer}', actions: ['request'] },
      { address: 'quotes.get', actions: ['request'] },
    ]);
    const [, { channel }] = channels;
    const { status, body } = await page.act('request', { channel, payload: { name: 'pen' } });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      subject: 'quotes.get',
      reply: { payload: { masked: true, subject: 'quotes.get' } },
    });
    expect(JSON.stringify(body)).toContain('"price":3');
  });

  it('refuses unknown parameters of every action', async () => {
    await using page = await serveShop(server.url, { platform, page: { tryIt: EVERYTHING }, quotes: true });
    const actions = [
      page.act('request', { channel: 'quotes.get', params: { name: 'pen' }, payload: {} }),
      page.act('messages', { channel: ORDERS, params: { article: '7' } }),
    ];
    const answers = await Promise.all(actions);
    expect(answers.map(({ status, body }) => [status, body.error?.message])).toEqual([
      [400, expect.stringContaining('"name". The channel "quotes.get" has no parameters.')],
      [400, expect.stringContaining('"article". The channel "orders.id.placed" has the parameters "id".')],
    ]);
  });

  it('says that nothing answers a request', async () => {
    await using page = await serveShop(server.url, { platform, page: { tryIt: { request: true } } });
    const { status, body } = await page.act('request', { channel: 'quotes.get', payload: {} });
    expect([status, body.error?.message]).toEqual([
      503,
      expect.stringContaining('No responders on "quotes.get"'),
    ]);
  });
});

/** Sends a request with exactly these headers; `fetch` refuses some of them. */
async function send(url: string, headers: Record<string, string>, body: string): Promise<{ status: number }> {
  const { request } = await import('node:http');
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', headers }, (response) => {
      response.resume();
      response.on('end', () => resolve({ status: response.statusCode ?? 0 }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

describe('a dry run', () => {
  it('shows stream, consumers and clients, and stores and delivers nothing', async () => {
    await using page = await serveShop(server.url, { page: { tryIt: { dryRun: true } } });
    const before = await stored(page);
    const received: unknown[] = [];
    const subscription = nc.subscribe('orders.*.placed', {
      queue: 'auditors',
      callback: (_, message) => void received.push(message.subject),
    });
    await nc.flush();
    const { status, body } = await page.act('dry-run', {
      channel: ORDERS,
      params: { id: '9' },
      payload: ORDER,
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      subject: 'orders.9.placed',
      servers: [{ name: server.name }],
      streams: [{ stream: 'ORDERS', subject: 'orders.9.placed', consumers: ['billing'] }],
      errors: [],
    });
    expect(body.clients).toContainEqual(
      expect.objectContaining({ kind: 'client', subscription: 'orders.*.placed', queue: 'auditors' }),
    );
    await nc.flush();
    expect(received).toEqual([]);
    expect(await stored(page)).toBe(before);
    expect(page.app.get(Billing).orders).toEqual([]);
    subscription.unsubscribe();
  });

  it('names the permission that the user of the service lacks', async () => {
    const permissions = { publish: { allow: ['$JS.API.>', 'orders.>'] } };
    await using own = await NatsTestServer.start({
      users: [{ user: 'admin' }, { user: 'shop', permissions }],
    });
    await using page = await serveShop(own.url, {
      options: { connection: own.connectionFor('shop') },
      page: { tryIt: { dryRun: true } },
    });
    const request = { channel: ORDERS, params: { id: '9' }, payload: ORDER };
    const { status, body } = await page.act('dry-run', request);
    expect([status, body.error?.message]).toEqual([
      502,
      expect.stringMatching(/no permission to publish to "_INBOX/),
    ]);
    expect(await stored(page)).toBe(0);
  });

  it('is hidden and refused on a server that would deliver the message', async () => {
    await using old = await NatsTestServer.start({ version: '2.10' });
    await using page = await serveShop(old.url, { page: { tryIt: EVERYTHING } });
    const { channels } = await described(page);
    expect(channels.find(({ channel }) => channel === ORDERS)?.actions).toEqual(['publish', 'messages']);
    const { status, body } = await page.act('dry-run', {
      channel: ORDERS,
      params: { id: '9' },
      payload: ORDER,
    });
    expect([status, body.error?.message]).toEqual([501, expect.stringContaining('nats-server 2.11')]);
    expect(await stored(page)).toBe(0);
  });
});

describe('the last messages', () => {
  it('are the newest ones of the channel only, newest first, and not more than allowed', async () => {
    await using own = await NatsTestServer.start();
    await using page = await serveShop(own.url, { page: { tryIt: { messages: true, maxMessages: 3 } } });
    const jetstream = page.app.get(JetStreamService);
    for (let i = 1; i <= 6; i++) {
      await jetstream.publish(`orders.${i}.placed`, { customer: 'ann', total: i });
      for (let j = 0; j < 10; j++) await jetstream.publish(`orders.${i}.noted`, j);
    }
    const { body } = await page.act('messages', { channel: ORDERS });
    expect(body).toMatchObject({ stream: 'ORDERS', isComplete: true });
    const messages = body.messages as readonly {
      subject: string;
      payload: { total: number };
      sequence: number;
    }[];
    expect(messages.map(({ subject, payload }) => [subject, payload.total])).toEqual([
      ['orders.6.placed', 6],
      ['orders.5.placed', 5],
      ['orders.4.placed', 4],
    ]);
    expect(messages[0]?.sequence).toBe(56);
  });

  it('are masked, and hidden if the mask fails or a payload is too large', async () => {
    await using own = await NatsTestServer.start();
    const mask = (payload: unknown): unknown => {
      const { customer, total } = payload as { customer: string; total: number };
      if (total === 2) throw new Error('cannot mask 2');
      if (total === 3) return Promise.resolve(payload);
      return { customer: '***', total, initial: customer[0] };
    };
    await using page = await serveShop(own.url, {
      page: { tryIt: { messages: true, maxPayload: 100, mask } },
    });
    const jetstream = page.app.get(JetStreamService);
    for (const total of [1, 2, 3]) await jetstream.publish('orders.1.placed', { customer: 'ann', total });
    await jetstream.publish('orders.1.placed', { customer: 'x'.repeat(200), total: 4 });
    await jetstream.publish('orders.1.placed', 'no JSON');
    const { body } = await page.act('messages', { channel: ORDERS });
    const shown = (body.messages as readonly object[]).map((message) => ({
      ...message,
      sequence: 0,
      time: '',
    }));
    const common = { subject: 'orders.1.placed', sequence: 0, time: '' };
    expect(shown).toEqual([
      { ...common, size: 7, hidden: 'the codec of the channel cannot decode it' },
      { ...common, size: expect.any(Number) as number, hidden: 'it is larger than 100 bytes' },
      { ...common, size: 28, hidden: 'the option mask returned nothing' },
      { ...common, size: 28, hidden: 'the option mask returned nothing' },
      { ...common, size: 28, payload: { customer: '***', total: 1, initial: 'a' } },
    ]);
    expect(JSON.stringify(body)).not.toContain('"ann"');
    expect(page.logs.of('error', 'JetStreamAsyncApi')).toEqual([
      expect.stringContaining('must not be asynchronous'),
      expect.stringContaining('cannot mask 2'),
    ]);
  });

  it('are read on the oldest server too', async () => {
    await using old = await NatsTestServer.start({ version: '2.9' });
    await using page = await serveShop(old.url, { page: { tryIt: { messages: true } } });
    await page.app.get(JetStreamService).publish('orders.1.placed', ORDER);
    const { body } = await page.act('messages', { channel: ORDERS });
    expect(body.messages).toMatchObject([{ subject: 'orders.1.placed', payload: ORDER }]);
  });
});

describe('the option access', () => {
  it('decides about each action with channel and subject, and names the caller in the log', async () => {
    const asked: unknown[] = [];
    await using page = await serveShop(server.url, {
      page: {
        tryIt: EVERYTHING,
        access: ({ channel, subject }, action) => {
          if (channel !== undefined) asked.push({ channel, subject, action });
          return { allowed: action !== 'publish', user: 'ann\n"admin"' };
        },
      },
    });
    const before = await stored(page);
    const { channels } = await described(page);
    expect(channels.flatMap(({ actions }) => actions)).not.toContain('publish');
    const request = { channel: ORDERS, params: { id: '7' }, payload: ORDER };
    expect((await page.act('publish', request)).status).toBe(403);
    expect((await page.act('messages', { channel: ORDERS })).status).toBe(200);
    // A caller without access does not learn whether a channel exists.
    expect((await page.act('publish', { ...request, channel: 'nothing' })).status).toBe(403);
    expect(await stored(page)).toBe(before);
    expect(asked).toEqual([
      { channel: ORDERS, subject: 'orders.7.placed', action: 'publish' },
      { channel: ORDERS, subject: 'orders.*.placed', action: 'messages' },
      { channel: 'nothing', subject: undefined, action: 'publish' },
    ]);
    expect(audits(page)).toEqual([
      'Page: publish on "orders.7.placed" by "ann\\n"admin"": refused by the option access',
      'Page: messages on "orders.*.placed" by "ann\\n"admin"": done',
      'Page: publish on "nothing" by "ann\\n"admin"": refused by the option access',
    ]);
  });
});

it('validates a request by the contract of its pipe', async () => {
  await using page = await serveShop(server.url, { quotes: true, page: { tryIt: EVERYTHING } });
  const { channels } = await described(page);
  const channel = channels.find(({ address }) => address === 'discounts.{customer}')?.channel;
  const params = { customer: 'ann' };
  const refused = await page.act('request', { channel, params, payload: 'ten' });
  expect([refused.status, refused.body.error?.message]).toEqual([
    422,
    expect.stringContaining('expected number'),
  ]);
  const { body } = await page.act('request', { channel, params, payload: 10 });
  expect(body).toMatchObject({ subject: 'discounts.ann', reply: { payload: 5 } });
});

describe('a durable request', () => {
  const RESERVE = { channel: 'stock.reserve', payload: { name: 'pen' } };

  it('is not sent as a request, and the refusal says why; it can be published', async () => {
    await using own = await NatsTestServer.start();
    await using page = await serveShop(own.url, { quotes: true, page: { tryIt: EVERYTHING } });
    const { channels } = await described(page);
    expect(channels.find(({ channel }) => channel === 'stock.reserve')?.actions).toEqual([
      'publish',
      'dry-run',
      'messages',
    ]);
    const { stream: name } = (await page.act('messages', { channel: 'stock.reserve' })).body;
    const stream = await page.app.get(JetStreamService).stream(String(name));
    const { status, body } = await page.act('request', RESERVE);
    expect([status, body.error?.message]).toEqual([
      400,
      expect.stringMatching(
        /stream stores the requests .* header.* Nothing was sent\. Use the action publish/,
      ),
    ]);
    expect((await stream.info()).state.lastSequence).toBe(0);
    expect((await page.act('publish', RESERVE)).status).toBe(200);
    await eventually(
      () => page.app.get(Quotes).reserved,
      ({ length }) => length > 0,
    );
    expect(page.app.get(Quotes).reserved).toEqual([{ name: 'pen' }]);
  });

  it('is refused too if a stream listens on the subject of a request over core NATS', async () => {
    await using own = await NatsTestServer.start();
    const streams = [{ name: 'QUOTES', subjects: ['quotes.>'], storage: 'memory' as const }];
    await using page = await serveShop(own.url, { quotes: true, streams, page: { tryIt: EVERYTHING } });
    const { status, body } = await page.act('request', { channel: 'quotes.get', payload: {} });
    expect([status, body.error?.message]).toEqual([
      400,
      expect.stringMatching(/stream "QUOTES" .* would answer before the handler\. Nothing was sent/),
    ]);
  });
});

describe('the log', () => {
  it('has one line a minute for refused actions of each kind, with the number of the others', async () => {
    await using page = await serveShop(server.url, {
      page: {
        tryIt: EVERYTHING,
        access: ({ request }, action) => {
          const { headers } = request as { headers: Record<string, string | undefined> };
          return { allowed: action === 'read', user: headers.user };
        },
      },
    });
    for (let i = 0; i < 50; i++) {
      const id = String(i);
      expect((await page.act('publish', { channel: ORDERS, params: { id }, payload: ORDER })).status).toBe(
        403,
      );
      expect((await page.act('publish', { channel: `unknown${i}` }, { user: 'joe' })).status).toBe(403);
    }
    expect((await page.act('messages', { channel: ORDERS }, { user: 'joe' })).status).toBe(403);
    expect(audits(page)).toEqual([
      'Page: publish on "orders.0.placed" by a caller: refused by the option access',
      'Page: publish on "unknown0" by "joe": refused by the option access',
      'Page: messages on "orders.*.placed" by "joe": refused by the option access',
    ]);
  });

  it('stays short if a caller gives itself a new name each time', async () => {
    await using page = await serveShop(server.url, {
      page: {
        tryIt: { messages: true },
        access: ({ request }) => ({
          allowed: false,
          user: (request as { headers: Record<string, string | undefined> }).headers.user,
        }),
      },
    });
    for (let i = 0; i < 300; i++) await page.act('messages', { channel: ORDERS }, { user: `caller ${i}` });
    expect(audits(page).length).toBeLessThan(110);
  });
});

describe('the limits', () => {
  it('allow a number of actions in a minute', async () => {
    await using page = await serveShop(server.url, { page: { tryIt: { messages: true, maxPerMinute: 2 } } });
    const act = (): Promise<{ status: number; headers: Headers }> =>
      page.act('messages', { channel: ORDERS });
    expect([(await act()).status, (await act()).status]).toEqual([200, 200]);
    const { status, headers } = await act();
    expect(status).toBe(429);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('end an action when its time is over', async () => {
    await using own = await NatsTestServer.start();
    await using page = await serveShop(own.url, { page: { tryIt: { publish: true, timeout: 300 } } });
    own.pause();
    const { status } = await page.act('publish', { channel: ORDERS, params: { id: '7' }, payload: ORDER });
    own.resume();
    expect(status).toBe(504);
  });

  it('refuse to send while there is no server', async () => {
    await using page = await serveShop(server.url, {
      options: { connect: false, connection: undefined },
      page: { tryIt: EVERYTHING },
    });
    const request = { channel: ORDERS, params: { id: '7' }, payload: ORDER };
    expect((await page.act('publish', request)).status).toBe(503);
    expect((await page.act('dry-run', request)).status).toBe(503);
    expect((await described(page)).channels).toEqual([]);
    expect((await page.act('messages', { channel: ORDERS })).status).toBe(503);
  });
});
