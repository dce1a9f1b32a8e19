import {
  type CanActivate,
  type ExecutionContext,
  Inject,
  Injectable,
  Module as NestModule,
  UnauthorizedException,
  VersioningType,
} from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { HttpPlatformMissingError, InvalidArgumentError, UnprotectedPageError } from 'nestjs-nats-jetstream';
import { JetStreamBoardModule } from 'nestjs-nats-jetstream/board';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { map } from 'rxjs';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { useHelmet } from '../../asyncapi/page/helmet.js';
import { LogRecorder } from '../../support/log-recorder.js';
import { PLATFORMS, serveBoard, type ServedBoard, shop } from './serve-board.js';

const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

let server: NatsTestServer;
beforeAll(async () => {
  server = await NatsTestServer.start();
});
afterAll(() => server.stop());
afterEach(() => vi.unstubAllEnvs());

@Injectable()
class Tokens {
  readonly valid = 'Bearer t';
}

@NestModule({ providers: [Tokens], exports: [Tokens] })
class TokensModule {}

/** Refuses requests without a token, which another module knows. */
@Injectable()
class TokenGuard implements CanActivate {
  constructor(@Inject(Tokens) private readonly tokens: Tokens) {}

  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string | undefined> }>();
    if (headers.authorization === this.tokens.valid) return true;
    throw new UnauthorizedException();
  }
}

/** Every route with GET; the event stream is read to its headers only. */
const ROUTES = [
  '/board',
  '/board/assets/board.js',
  '/board/assets/board.css',
  '/board/api/session',
  '/board/api/streams',
  '/board/api/events',
  '/board/raw/message?stream=ORDERS&sequence=1',
  '/board/live',
];

/** The status of a route, and its headers; the body is not read. */
async function statusOf(
  board: ServedBoard,
  path: string,
  init: RequestInit = {},
): Promise<readonly [number, Headers]> {
  const controller = new AbortController();
  const response = await board.get(path, { ...init, signal: controller.signal });
  controller.abort();
  return [response.status, response.headers];
}

describe.each(PLATFORMS)('the board on %s', (platform) => {
  let shared: ServedBoard;
  beforeAll(async () => {
    shared = await serveBoard(server.url, { platform });
  });
  afterAll(() => shared[Symbol.asyncDispose]());

  it('is HTML that loads only files of its own, under a strict policy', async () => {
    const response = await shared.get('/board');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(response.headers.get('content-security-policy')).toBe(CSP);
    expect(response.headers.get('cache-control')).toBe('private, no-cache');
    const html = await response.text();
    expect(html).toContain('data-base="./board/"');
    expect(html).not.toMatch(/<script(?![^>]* src=)|<style| style=| on\w+=|https?:/);
    const files = [...html.matchAll(/(?:src|href)="(\.\/board\/[^"]+)"/g)].map(([, file = '']) => file);
    expect(files.map((file) => file.replace(/\?.*/, '')).toSorted()).toEqual([
      './board/assets/board.css',
      './board/assets/board.js',
    ]);
    for (const file of files) {
      const loaded = await shared.get(file.replace('./', '/'));
      expect(loaded.status, file).toBe(200);
      expect(loaded.headers.get('cache-control'), file).toBe('private, max-age=31536000, immutable');
    }
  });

  it.each(ROUTES)('protects %s by headers', async (path) => {
    const [, headers] = await statusOf(shared, path);
    expect(headers.get('content-security-policy')).toBe(CSP);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('access-control-allow-origin')).toBeNull();
  });

  it('does not let browsers and proxies keep data', async () => {
    for (const path of ['/board/api/session', '/board/api/streams', '/board/live'])
      expect((await statusOf(shared, path))[1].get('cache-control'), path).toMatch(/^no-store/);
  });

  it('answers HEAD without a body, also for the event stream', async () => {
    for (const path of ['/board', '/board/api/session', '/board/live']) {
      const head = await shared.get(path, { method: 'HEAD' });
      expect([head.status, await head.text()], path).toEqual([200, '']);
      expect(head.headers.get('content-security-policy'), path).toBe(CSP);
    }
  });

  it('allows no other methods, and no other origin by OPTIONS', async () => {
    for (const method of ['PUT', 'PATCH', 'DELETE'])
      for (const path of ['/board', '/board/api/streams', '/board/live'])
        expect((await shared.get(path, { method })).status, `${method} ${path}`).toBe(404);
    const preflight = await shared.get('/board/api/drop', {
      method: 'OPTIONS',
      headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
    });
    expect(preflight.headers.get('access-control-allow-origin')).toBeNull();
    expect(preflight.headers.get('access-control-allow-headers')).toBeNull();
  });

  it.each(['..%2fpackage.json', 'board.js%00', 'constructor', '__proto__', 'toString', 'BOARD.JS', '%ff'])(
    'has neither file nor view nor action named %s',
    async (name) => {
      for (const path of [`assets/${name}`, `api/${name}`, `raw/${name}`]) {
        const response = await shared.get(`/board/${path}`);
        expect([400, 404], path).toContain(response.status);
        expect(await response.text(), path).not.toMatch(/at .*\.(js|ts):\d/);
      }
      const { status } = await shared.act(name, {});
      expect([400, 404]).toContain(status);
    },
  );

  it.each([
    ['an unknown parameter', 'streams?unknown=1'],
    ['a parameter twice', 'streams?search=a&search=b'],
    ['an object', 'streams?search[a]=b'],
    ['the name of a prototype', 'streams?__proto__=1'],
    ['a limit that is not a number', 'streams?limit=all'],
    ['a limit that is too large', 'streams?limit=100000000'],
    ['an unknown connection', 'streams?connection=other'],
    ['a parameter of a view without any', 'events?after=1'],
    ['a stream with a wildcard', 'stream?stream=*'],
    ['a stream with a path', 'stream?stream=..%2f..'],
    ['a stream with CR LF', 'stream?stream=a%0d%0aPUB%20x'],
    ['no stream', 'stream'],
    ['a sequence that is not a number', 'dead-letter?sequence=1e3'],
  ])('refuses %s', async (_, view) => {
    const { status, body } = await shared.view(view);
    expect(status).toBe(400);
    expect(body.error?.name).toMatch(/^Invalid\w+Error$/);
    expect(body.error?.message.length).toBeGreaterThan(5);
    expect(JSON.stringify(body)).not.toMatch(/\.(ts|js):\d/);
  });

  it('has no stream of a name that does not exist', async () => {
    const { status, body } = await shared.view('stream?stream=NOTHING');
    expect([status, body.error?.name]).toEqual([404, 'StreamNotFoundError']);
  });

  it('shows the page what it can do', async () => {
    const { status, body } = await shared.view('session');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      title: 'JetStream board',
      readOnly: true,
      download: true,
      connections: [{ name: 'default', connected: true, server: server.version }],
    });
    const { actions, views } = body as { actions: string[]; views: string[] };
    expect(
      actions.filter((action) => !['search', 'stop-job', 'continue-job', 'remove-job'].includes(action)),
    ).toEqual([]);
    expect(actions).toContain('search');
    expect(views).toContain('dead-letters');
  });

  it('refuses every route without what the guards want', async () => {
    await using board = await serveBoard(server.url, {
      platform,
      board: { guards: [TokenGuard], imports: [TokensModule], readOnly: false },
    });
    const headers = { authorization: 'Bearer t' };
    for (const path of ROUTES) {
      expect((await statusOf(board, path))[0], path).toBe(401);
      const [allowed] = await statusOf(board, path, { headers });
      expect(path.startsWith('/board/raw') ? 404 : 200, path).toBe(allowed);
    }
    expect((await board.act('drop', { sequence: 1, time: '' })).status).toBe(401);
    expect((await board.act('drop', {}, headers)).status).toBe(400);
  });

  it('refuses every route without access, and with a rule that fails', async () => {
    await using board = await serveBoard(server.url, {
      platform,
      board: {
        readOnly: false,
        access: ({ request }) => {
          const { headers } = request as { headers: Record<string, string | undefined> };
          if (headers.user === 'broken') throw new Error('no directory');
          if (headers.user === 'wrong') return 'yes' as never;
          return Promise.resolve({ allowed: headers.user === 'ann', user: 'ann' });
        },
      },
    });
    for (const user of ['bob', 'broken', 'wrong', '']) {
      for (const path of ROUTES) {
        const [status, headers] = await statusOf(board, path, { headers: { user } });
        expect(status, `${path} for ${user}`).toBe(403);
        expect(headers.get('content-type')).toContain('application/json');
      }
      expect((await board.act('drop', { sequence: 1, time: '' }, { user })).status).toBe(403);
    }
    for (const path of ROUTES.filter((each) => !each.includes('/raw/')))
      expect((await statusOf(board, path, { headers: { user: 'ann' } }))[0], path).toBe(200);
    const errors = board.logs.of('error', 'JetStreamBoard');
    expect(errors).toEqual([
      expect.stringContaining('The option access of JetStreamBoardModule failed: no directory'),
      expect.stringContaining('"yes"'),
    ]);
  });

  it('refuses if the rule does not answer', { timeout: 20_000 }, async () => {
    await using board = await serveBoard(server.url, {
      platform,
      board: { access: () => new Promise(() => undefined) },
    });
    expect((await board.view('session')).status).toBe(403);
    expect(board.logs.of('error', 'JetStreamBoard')).toEqual([
      expect.stringContaining('has not answered within 5000 ms'),
    ]);
  });

  it('has the global prefix and no version, also with versions in the path; interceptors do not change it', async () => {
    await using board = await serveBoard(server.url, {
      platform,
      board: { path: 'internal/board', title: `<b>"1"</b>'&` },
      configure: async (app) => {
        app.setGlobalPrefix('api');
        app.enableVersioning({ type: VersioningType.URI, defaultVersion: '2' });
        app.useGlobalInterceptors({
          intercept: (_, next) => next.handle().pipe(map((data: unknown) => ({ data }))),
        });
        await useHelmet(app, platform);
      },
    });
    const response = await board.get('/api/internal/board');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-security-policy')).toBe(CSP);
    const html = await response.text();
    expect(html).toContain('src="./board/assets/board.js?v=');
    expect(html).toContain('&lt;b&gt;&quot;1&quot;&lt;/b&gt;&#39;&amp;');
    const session = await board.get('/api/internal/board/api/session');
    expect(await session.json()).toMatchObject({ readOnly: true });
    const [status, headers] = await statusOf(board, '/api/internal/board/live');
    expect(status).toBe(200);
    expect(headers.get('content-security-policy')).toBe(CSP);
    expect(headers.get('strict-transport-security')).not.toBeNull();
    expect((await board.get('/api/v2/internal/board')).status).toBe(404);
  });

  it('exists several times, with options of its own each', async () => {
    const boards = [
      JetStreamBoardModule.forRoot({ title: 'Inside', path: 'inside', readOnly: false }),
      JetStreamBoardModule.forRootAsync({
        path: 'outside',
        guards: [TokenGuard],
        imports: [TokensModule],
        inject: [Tokens],
        useFactory: ({ valid }: Tokens) => ({ title: valid }),
      }),
    ];
    await using board = await serveBoard(server.url, { platform, boards });
    const headers = { authorization: 'Bearer t' };
    expect(await (await board.get('/inside/api/session')).json()).toMatchObject({
      title: 'Inside',
      readOnly: false,
    });
    expect((await board.get('/outside')).status).toBe(401);
    expect(await (await board.get('/outside/api/session', { headers })).json()).toMatchObject({
      title: 'Bearer t',
      readOnly: true,
    });
  });

  it('works in an application without a server', async () => {
    await using board = await serveBoard(server.url, { platform, options: { connect: false } });
    expect((await board.view('session')).body).toMatchObject({ connections: [] });
    const { status, body } = await board.view('streams');
    expect([400, 503]).toContain(status);
    expect(body.error?.message).toBeDefined();
    expect((await statusOf(board, '/board/live'))[0]).toBe(503);
  });
});

describe('the boot', () => {
  const boot = async (board: object): Promise<void> => {
    await using _ = await serveBoard(server.url, { board });
  };

  it.each(['production', '', 'staging'])(
    'refuses a board without protection if NODE_ENV is "%s"',
    async (env) => {
      vi.stubEnv('NODE_ENV', env);
      await expect(boot({})).rejects.toThrow(UnprotectedPageError);
      await expect(boot({ public: false })).rejects.toThrow(UnprotectedPageError);
      await expect(boot({ guards: [] })).rejects.toThrow(UnprotectedPageError);
      await boot({ public: true });
      await boot({ access: () => true });
      await boot({ guards: [{ canActivate: () => true }] });
    },
  );

  it('accepts one in development', async () => {
    vi.stubEnv('NODE_ENV', 'development');
    await expect(boot({})).resolves.toBeUndefined();
  });

  it('refuses a board in an application without an HTTP platform', async () => {
    const module = await Test.createTestingModule({
      imports: [shop(server.url, [JetStreamBoardModule.forRoot()])],
    })
      .setLogger(new LogRecorder())
      .compile();
    await expect(module.init()).rejects.toThrow(HttpPlatformMissingError);
    await module.close();
  });

  it('refuses what a factory returns if it is invalid', async () => {
    const boards = [JetStreamBoardModule.forRootAsync({ useFactory: () => ({ readonly: true }) as never })];
    await expect(serveBoard(server.url, { boards })).rejects.toThrow(/readOnly/);
  });

  it.each([
    ['an unknown option', { readonly: true }, 'readOnly'],
    ['a path with a parameter', { path: ':all' }, 'path'],
    ['a path with ..', { path: 'a/*' }, 'path'],
    ['guards that are not a list', { guards: TokenGuard }, 'guards'],
    ['a negative limit', { payloads: { limit: -1 } }, 'payloads.limit'],
    ['a mask that is not a function', { payloads: { mask: true } }, 'payloads.mask'],
    ['an access that is not a function', { access: true }, 'access'],
    ['an empty title', { title: ' ' }, 'title'],
    ['a text in place of a flag', { readOnly: 'false' }, 'readOnly'],
  ])('refuses %s', (_, board, problem) => {
    const register = (): unknown => JetStreamBoardModule.forRoot(board as never);
    expect(register).toThrow(InvalidArgumentError);
    expect(register).toThrow(problem);
  });
});
