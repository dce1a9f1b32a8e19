import { request as httpRequest } from 'node:http';
import {
  type DeadLetter,
  DeadLetters,
  type JetStreamEvent,
  Handlers,
  JetStreamEvents,
  JetStreamService,
} from 'nestjs-nats-jetstream';
import type { BoardAccessContext } from 'nestjs-nats-jetstream/board';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.js';
import { BROKEN, Billing, PLATFORMS, serveBoard, type ServedBoard } from './serve-board.js';

const HANDLER = 'Billing.onOrder';
const COMMAND = { handler: HANDLER };

/** An input for each action. Those that name something that does not exist are refused only later. */
const INPUTS: Readonly<Record<string, object>> = {
  'pause-handler': COMMAND,
  'resume-handler': COMMAND,
  'stop-handler': COMMAND,
  'start-handler': COMMAND,
  'pause-consumer': { stream: 'ORDERS', consumer: 'billing', until: '2100-01-01T00:00:00.000Z' },
  'resume-consumer': { stream: 'ORDERS', consumer: 'billing' },
  replay: { sequence: 1, time: '2026-01-01T00:00:00.000Z' },
  'edit-and-replay': {
    sequence: 1,
    time: '2026-01-01T00:00:00.000Z',
    payload: { form: 'text', content: '"a"' },
  },
  drop: { sequence: 1, time: '2026-01-01T00:00:00.000Z' },
  'replay-all': { selection: {} },
  'drop-all': { selection: {} },
  'stop-job': { id: 'none' },
  'continue-job': { id: 'none' },
  'remove-job': { id: 'none' },
  'pause-schedule': { name: 'none' },
  'resume-schedule': { name: 'none' },
  'run-schedule': { name: 'none' },
};
const CHANGING = Object.keys(INPUTS);

let server: NatsTestServer;
beforeAll(async () => {
  server = await NatsTestServer.start();
});
afterAll(() => server.stop());

/** Collects the events of the board. */
function actionsOf({ app }: ServedBoard): Extract<JetStreamEvent, { type: 'board-action' }>[] {
  const events: Extract<JetStreamEvent, { type: 'board-action' }>[] = [];
  app.get(JetStreamEvents).all.subscribe((event) => {
    if (event.type === 'board-action') events.push(event);
  });
  return events;
}

const statusOf = ({ app }: ServedBoard): string | undefined =>
  app
    .get(Handlers)
    .list()
    .find(({ handler }) => handler === HANDLER)?.status;

const audits = ({ logs }: ServedBoard): string[] =>
  logs.of('log', 'JetStreamBoard').filter((line) => line.startsWith('Board: '));

/** Publishes an order that becomes a dead letter. */
async function deadLetter({ app }: ServedBoard): Promise<{ sequence: number; time: string }> {
  await app.get(JetStreamService).publish('orders.1', BROKEN);
  const found = await eventually(
    async () => {
      const page = await app.get(DeadLetters).page({});
      return page.letters;
    },
    ({ length }) => length > 0,
  );
  const [{ sequence, time }] = found.toReversed() as [DeadLetter];
  return { sequence, time: time.toISOString() };
}

describe.each(PLATFORMS)('actions on %s', (platform) => {
  it('change what they name, and are logged and reported with the name of the caller', async () => {
    await using board = await serveBoard(server.url, {
      platform,
      board: { readOnly: false, access: () => ({ allowed: true, user: 'ann\nBoard: faked' }) },
    });
    const events = actionsOf(board);
    const { status } = await board.act('pause-handler', COMMAND);
    expect(status).toBe(200);
    expect(statusOf(board)).toBe('paused');
    expect(audits(board)).toEqual([
      `Board: pause-handler (handler=${HANDLER}) by "ann\\nBoard: faked": done`,
    ]);
    expect(events).toMatchObject([
      {
        type: 'board-action',
        action: 'pause-handler',
        target: `handler=${HANDLER}`,
        by: 'ann\\nBoard: faked',
        outcome: 'done',
        connection: 'default',
      },
    ]);
    expect((await board.act('resume-handler', COMMAND)).status).toBe(200);
    expect(statusOf(board)).toBe('running');
  });

  it('drop the dead letter that they name', async () => {
    await using board = await serveBoard(server.url, { platform, board: { readOnly: false } });
    const target = await deadLetter(board);
    expect((await board.act('drop', target)).status).toBe(200);
    await expect(board.app.get(DeadLetters).get(target.sequence)).rejects.toThrow(/dead letter/);
    const again = await board.act('drop', target);
    expect([again.status, again.body.error?.name]).toEqual([404, 'DeadLetterNotFoundError']);
    expect(audits(board)).toEqual([
      expect.stringMatching(/^Board: drop \(sequence=\d+\) by a caller: done$/),
      expect.stringMatching(/^Board: drop \(sequence=\d+\) by a caller: failed: /),
    ]);
  });

  it('are named after request.user, and show up on the page', async () => {
    await using board = await serveBoard(server.url, {
      platform,
      board: {
        readOnly: false,
        guards: [
          {
            canActivate: (context) => {
              const request = context.switchToHttp().getRequest<{ user?: object }>();
              request.user = { id: 7, email: `${'x'.repeat(300)}@a.example` };
              return true;
            },
          },
        ],
      },
    });
    await board.view('events');
    await board.act('pause-handler', COMMAND);
    const { body } = await board.view('events');
    expect(body.rows).toEqual([
      expect.objectContaining({
        type: 'action',
        by: 'x'.repeat(200),
        text: `pause-handler (handler=${HANDLER}): done`,
      }),
      expect.objectContaining({ type: 'handler-paused', handler: HANDLER }),
    ]);
  });

  describe('on a board that only reads', () => {
    let shared: ServedBoard;
    beforeAll(async () => {
      shared = await serveBoard(server.url, { platform });
    });
    afterAll(() => shared[Symbol.asyncDispose]());

    it.each(CHANGING.filter((action) => !action.endsWith('-job')))('refuses %s', async (action) => {
      const target = await deadLetter(shared);
      const events = actionsOf(shared);
      const input = { ...INPUTS[action], ...('sequence' in (INPUTS[action] ?? {}) && target) };
      const { status, body } = await shared.act(action, input);
      expect(status).toBe(403);
      expect(body.error?.message).toContain('read-only');
      expect(events).toMatchObject([{ action, outcome: 'refused' }]);
      expect(statusOf(shared)).toBe('running');
      await expect(shared.app.get(DeadLetters).get(target.sequence)).resolves.toBeDefined();
    });

    it('searches, and manages jobs that search only', async () => {
      const found = await shared.act('search', { selection: {}, text: 'billed' });
      expect(found.status).toBe(200);
      const { id } = found.body as unknown as { id: string };
      await eventually(
        async () => (await shared.view(`job?id=${id}`)).body.state,
        (state) => state === 'done',
      );
      expect((await shared.act('remove-job', { id })).status).toBe(200);
      await using writable = await serveBoard(server.url, { platform, board: { readOnly: false } });
      const job = await writable.act('replay-all', { selection: { handler: 'Nothing' } });
      expect(job.status).toBe(200);
      const other = (job.body as unknown as { id: string }).id;
      for (const action of ['stop-job', 'continue-job', 'remove-job'])
        expect((await shared.act(action, { id: other })).status, action).toBeGreaterThanOrEqual(403);
    });
  });

  describe('whose rule refuses them', () => {
    const asked: [string, BoardAccessContext][] = [];
    let shared: ServedBoard;
    beforeEach(() => void (asked.length = 0));
    beforeAll(async () => {
      shared = await serveBoard(server.url, {
        platform,
        board: {
          readOnly: false,
          access: (context, action) => {
            asked.push([action, context]);
            return { allowed: action === 'read', user: 'bob' };
          },
        },
      });
    });
    afterAll(() => shared[Symbol.asyncDispose]());

    it('are not shown by the page', async () => {
      const { body } = await shared.view('session');
      expect(body).toMatchObject({ readOnly: false, actions: [], download: false });
    });

    it.each([...CHANGING, 'search'])('refuses %s before it does anything', async (action) => {
      const events = actionsOf(shared);
      const input = INPUTS[action] ?? { selection: {}, text: 'a' };
      const { status, body } = await shared.act(action, input);
      expect([status, body.error?.message]).toEqual([403, `You may not use the action ${action}.`]);
      expect(asked).toEqual([[action, { request: expect.anything() as unknown, input }]]);
      expect(statusOf(shared)).toBe('running');
      expect(events).toMatchObject([{ action, outcome: 'refused', by: 'bob' }]);
    });

    it('refuses downloads', async () => {
      const response = await shared.get('/board/raw/message?stream=ORDERS&sequence=1');
      expect(response.status).toBe(403);
      expect(asked[0]).toMatchObject([
        'download',
        { name: 'message', input: { stream: 'ORDERS', sequence: '1' } },
      ]);
    });

    it('reports many refusals of one kind once', async () => {
      const events = actionsOf(shared);
      const before = audits(shared).length;
      for (let i = 0; i < 30; i++) await shared.act('pause-handler', { handler: `${HANDLER}${i}` });
      expect(audits(shared).length - before).toBeLessThanOrEqual(1);
      expect(events.length).toBeLessThanOrEqual(1);
    });
  });

  describe('from elsewhere', () => {
    let shared: ServedBoard;
    beforeAll(async () => {
      shared = await serveBoard(server.url, { platform, board: { readOnly: false } });
    });
    afterAll(() => shared[Symbol.asyncDispose]());

    const send = async (headers: Record<string, string>, action: string, input: object): Promise<number> => {
      const all = { 'content-type': 'application/json', 'x-jetstream-page': '1', ...headers };
      const sent = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''));
      return new Promise((resolve, reject) => {
        const request = httpRequest(
          `${shared.url}/board/api/${action}`,
          { method: 'POST', headers: sent },
          (response) => {
            response.resume();
            response.on('end', () => resolve(response.statusCode ?? 0));
          },
        );
        request.on('error', reject);
        request.end(JSON.stringify(input));
      });
    };

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
    ])('are refused: %s', async (_, headers, status) => {
      for (const [action, input] of Object.entries(INPUTS))
        expect(await send(headers, action, input), action).toBe(status);
      expect(statusOf(shared)).toBe('running');
      expect(audits(shared)).toEqual([]);
    });

    it.each([
      ['another origin', { origin: 'https://evil.example' }],
      ['a cross-site request', { 'sec-fetch-site': 'cross-site' }],
      ['a same-site request', { 'sec-fetch-site': 'same-site' }],
    ])('cannot read data: %s', async (_, headers) => {
      for (const path of ['api/streams', 'api/session', 'raw/message?stream=ORDERS&sequence=1', 'live'])
        expect((await shared.get(`/board/${path}`, { headers })).status, path).toBe(403);
    });

    it('are accepted from the origin of the page', async () => {
      expect(await send({ origin: shared.url }, 'pause-handler', COMMAND)).toBe(200);
      expect(await send({ 'sec-fetch-site': 'same-origin' }, 'resume-handler', COMMAND)).toBe(200);
    });
  });

  describe('with hostile input', () => {
    let shared: ServedBoard;
    beforeAll(async () => {
      shared = await serveBoard(server.url, { platform, board: { readOnly: false } });
    });
    afterAll(() => shared[Symbol.asyncDispose]());

    it.each([
      ['no JSON', '{'],
      ['a list', '[]'],
      ['null', 'null'],
      ['text', '"drop"'],
      ['nothing', ''],
      ['a prototype', '{"__proto__":{"handler":"Billing.onOrder"}}'],
      ['a constructor', '{"constructor":{"prototype":{}}}'],
      ['deep nesting', `{"handler":${'['.repeat(20_000)}${']'.repeat(20_000)}}`],
      ['a number in place of a name', '{"handler":7}'],
      ['a list in place of a name', '{"handler":["Billing.onOrder"]}'],
    ])('refuses %s', async (_, body) => {
      for (const action of ['pause-handler', 'stop-handler']) {
        const answer = await shared.act(action, body);
        expect(answer.status, action).toBeGreaterThanOrEqual(400);
        expect(answer.status, action).toBeLessThan(500);
        expect(JSON.stringify(answer.body)).not.toMatch(/\.(ts|js):\d/);
      }
      expect(statusOf(shared)).toBe('running');
      expect({}).not.toHaveProperty('handler');
    });

    it('logs names of callers and targets on one line', async () => {
      await shared.act('pause-handler', { handler: `x\nBoard: faked \u001b[31m${'y'.repeat(5_000)}` });
      const lines = audits(shared);
      expect(lines.filter((line) => line.includes('\n') || line.includes('\u001b'))).toEqual([]);
      expect(lines.at(-1)?.length).toBeLessThan(3_000);
    });
  });
});

describe('a failure', () => {
  it('that callers can act on has its status', async () => {
    await using old = await NatsTestServer.start({ version: '2.10' });
    await using board = await serveBoard(old.url, { board: { readOnly: false } });
    const { status, body } = await board.act('pause-consumer', {
      stream: 'ORDERS',
      consumer: 'billing',
      until: '2100-01-01T00:00:00.000Z',
    });
    expect([status, body.error?.name]).toEqual([501, 'UnsupportedServerFeatureError']);
    const { actions } = (await board.view('session')).body as unknown as { actions: string[] };
    expect(actions).not.toContain('pause-consumer');
  });

  it('to reach the server has a status of its own, and no secrets', async () => {
    const own = await NatsTestServer.start({ users: [{ user: 'shop', password: 's3cret-word' }] });
    await using board = await serveBoard(own.url, {
      board: { readOnly: false },
      options: {
        connection: { servers: own.url, user: 'shop', pass: 's3cret-word' },
        jetstream: { timeout: 500 },
      },
    });
    await own.stop();
    const { status, body } = await board.view('streams');
    expect([503, 504]).toContain(status);
    expect(JSON.stringify(body)).not.toContain('s3cret-word');
    expect((await board.view('session')).body).toMatchObject({ connections: [{ connected: false }] });
  });

  it('ends the work when the caller leaves', async () => {
    await using own = await NatsTestServer.start();
    await using board = await serveBoard(own.url);
    own.pause();
    const before = board.logs.lines.length;
    await expect(board.get('/board/api/streams', { signal: AbortSignal.timeout(200) })).rejects.toThrow(
      /abort/i,
    );
    own.resume();
    await eventually(
      async () => (await board.view('streams')).status,
      (status) => status === 200,
    );
    // Neither an error nor a request that times out later.
    expect(board.logs.lines.slice(before).filter(({ level }) => level === 'error')).toEqual([]);
    expect(board.app.get(Billing).orders).toEqual([]);
  });
});
