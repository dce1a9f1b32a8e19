import Module from 'node:module';
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
import {
  DuplicatePageError,
  HttpPlatformMissingError,
  InvalidArgumentError,
  UnprotectedPageError,
} from 'nestjs-nats-jetstream';
import { type AsyncApiDocument, JetStreamAsyncApiModule } from 'nestjs-nats-jetstream/asyncapi';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { map } from 'rxjs';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { LogRecorder } from '../../support/log-recorder.js';
import { useHelmet } from './helmet.js';
import { INFO, PLATFORMS, serveShop, shop } from './shop.js';

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

/** Another module that imports the page. */
@NestModule({})
class Elsewhere {}

describe.each(PLATFORMS)('the page on %s', (platform) => {
  it('is HTML that loads only files of its own, under a strict policy', async () => {
    await using page = await serveShop(server.url, { platform });
    const response = await page.get('/asyncapi');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(response.headers.get('content-security-policy')).toBe(CSP);
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('x-frame-options')).toBe('DENY');
    expect(response.headers.get('cache-control')).toBe('private, no-cache');
    const html = await response.text();
    expect(html).not.toMatch(/<script(?![^>]* src=)|<style| style=| on\w+=|https?:/);
    const files = [...html.matchAll(/(?:src|href)="(\.\/asyncapi\/[^"]+)"/g)].map(([, file = '']) => file);
    expect(files.map((file) => file.replace(/\?.*/, ''))).toEqual([
      './asyncapi/assets/viewer.css',
      './asyncapi/assets/page.css',
      './asyncapi/assets/viewer.js',
      './asyncapi/assets/page.js',
      './asyncapi/asyncapi.json',
      './asyncapi/asyncapi.yaml',
    ]);
    for (const file of files) {
      const loaded = await page.get(file.replace('./', '/'));
      expect(loaded.status, file).toBe(200);
      expect(loaded.headers.get('content-security-policy'), file).toBe(CSP);
      expect(loaded.headers.get('x-content-type-options'), file).toBe('nosniff');
      const isVersioned = file.includes('?v=');
      expect(loaded.headers.get('cache-control'), file).toBe(
        isVersioned ? 'private, max-age=31536000, immutable' : 'private, no-cache',
      );
      expect(await loaded.text()).not.toContain('sourceMappingURL');
    }
  });

  it('is the document as JSON and YAML, which is created once', async () => {
    await using page = await serveShop(server.url, { platform });
    const json = await page.get('/asyncapi/asyncapi.json');
    expect(json.headers.get('content-type')).toBe('application/json; charset=utf-8');
    const document = (await json.json()) as AsyncApiDocument;
    expect(document).toMatchObject({ asyncapi: '3.0.0', info: INFO });
    expect(Object.keys(document.operations)).toContain('Billing.onPlaced');
    const yaml = await page.get('/asyncapi/asyncapi.yaml');
    expect(yaml.headers.get('content-type')).toBe('application/yaml; charset=utf-8');
    expect(await yaml.text()).toMatch(/^asyncapi: ["']?3\.0\.0/m);
    const again = await page.get('/asyncapi/asyncapi.json');
    expect(again.headers.get('etag')).toBe(json.headers.get('etag'));
  });

  it('answers HEAD, trailing slashes and conditional requests', async () => {
    await using page = await serveShop(server.url, { platform });
    const head = await page.get('/asyncapi', { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect(head.headers.get('content-security-policy')).toBe(CSP);
    const slash = await page.get('/asyncapi/');
    expect(slash.status).toBe(200);
    expect(await slash.text()).toContain('src="./assets/page.js?v=');
    for (const path of [
      '/asyncapi',
      '/asyncapi/asyncapi.json',
      '/asyncapi/asyncapi.yaml',
      '/asyncapi/assets/page.js',
    ]) {
      const etag = (await page.get(path)).headers.get('etag') ?? '';
      expect(etag, path).toMatch(/^"[\w-]{22}"$/);
      const known = await page.get(path, { headers: { 'if-none-match': `W/${etag}, "other"` } });
      expect([known.status, await known.text()], path).toEqual([304, '']);
      const other = await page.get(path, { headers: { 'if-none-match': '"other"' } });
      expect(other.status, path).toBe(200);
    }
  });

  it('replaces the policy of helmet', async () => {
    await using page = await serveShop(server.url, {
      platform,
      configure: (app) => useHelmet(app, platform),
    });
    const response = await page.get('/asyncapi');
    expect(response.headers.get('content-security-policy')).toBe(CSP);
    expect(response.headers.get('strict-transport-security')).not.toBeNull();
  });

  it.each([
    '..%2fpackage.json',
    '%2e%2e%2f%2e%2e%2fpackage.json',
    '..%5c..%5cpackage.json',
    '....//page.js',
    'page.js%00',
    'constructor',
    '__proto__',
    'toString',
    'PAGE.JS',
    'viewer.js.map',
    '%ff',
  ])('has no file named %s', async (name) => {
    await using page = await serveShop(server.url, { platform });
    const response = await page.get(`/asyncapi/assets/${name}`);
    expect([400, 404]).toContain(response.status);
    expect(await response.text()).not.toMatch(/nestjs-nats-jetstream"|at .*\.(js|ts):\d/);
  });

  it('runs its guards, whose providers come from imports', async () => {
    await using page = await serveShop(server.url, {
      platform,
      page: { guards: [TokenGuard], imports: [TokensModule], tryIt: { publish: true } },
    });
    const headers = { authorization: 'Bearer t' };
    for (const path of ['', '/asyncapi.json', '/asyncapi.yaml', '/assets/page.js', '/try-it.json']) {
      expect((await page.get(`/asyncapi${path}`)).status, path).toBe(401);
      expect((await page.get(`/asyncapi${path}`, { headers })).status, path).toBe(200);
    }
    expect((await page.act('publish', {})).status).toBe(401);
    expect((await page.act('publish', {}, headers)).status).toBe(400);
  });

  it('has the global prefix and no version, also with versions in the path; interceptors do not change it', async () => {
    await using page = await serveShop(server.url, {
      platform,
      page: { path: 'internal/docs' },
      configure: (app) => {
        app.setGlobalPrefix('api');
        app.enableVersioning({ type: VersioningType.URI, defaultVersion: '2' });
        app.useGlobalInterceptors({
          intercept: (_, next) => next.handle().pipe(map((data: unknown) => ({ data }))),
        });
      },
    });
    const response = await page.get('/api/internal/docs');
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('src="./docs/assets/page.js?v=');
    const json = await page.get('/api/internal/docs/asyncapi.json');
    expect(await json.json()).toMatchObject({ info: INFO });
    expect((await page.get('/api/v2/internal/docs')).status).toBe(404);
  });

  it('exists several times, with options of its own each', async () => {
    const pages = [
      JetStreamAsyncApiModule.forRoot({ info: { title: 'Inside', version: '1.0.0' }, path: 'inside' }),
      JetStreamAsyncApiModule.forRootAsync({
        path: 'outside',
        guards: [TokenGuard],
        imports: [TokensModule],
        inject: [Tokens],
        useFactory: ({ valid }: Tokens) => ({ info: { title: valid, version: '2.0.0' } }),
      }),
    ];
    await using page = await serveShop(server.url, { platform, pages });
    expect(await (await page.get('/inside')).text()).toContain('<title>Inside 1.0.0</title>');
    expect((await page.get('/outside')).status).toBe(401);
    const outside = await page.get('/outside', { headers: { authorization: 'Bearer t' } });
    expect(await outside.text()).toContain('<title>Bearer t 2.0.0</title>');
  });

  it('is refused at boot if another page has its path', async () => {
    const at = (path?: string) => JetStreamAsyncApiModule.forRoot({ info: INFO, path });
    const later = JetStreamAsyncApiModule.forRootAsync({
      path: '/asyncapi/',
      useFactory: () => ({ info: INFO }),
    });
    for (const pages of [
      [at(), at()],
      [at('docs'), at('/docs/')],
      [at(), later],
    ]) {
      const error: unknown = await serveShop(server.url, { platform, pages }).catch(
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(DuplicatePageError);
      const { path, modules, message } = error as DuplicatePageError;
      expect(modules).toEqual(['JetStreamAsyncApiModule', 'JetStreamAsyncApiModule']);
      expect(message).toContain(`JetStreamAsyncApiModule is imported twice with the path "${path}"`);
    }
  });

  it('may differ from another one in the case of its path only if the platform distinguishes it', async () => {
    const at = (path: string) => JetStreamAsyncApiModule.forRoot({ info: INFO, path });
    const serve = async (): Promise<number> => {
      await using page = await serveShop(server.url, { platform, pages: [at('docs'), at('Docs')] });
      return (await page.get('/Docs')).status;
    };
    const outcome = await serve().catch((error: unknown) => (error as Error).name);
    expect(outcome).toBe(platform === 'express' ? 'DuplicatePageError' : 200);
  });

  it('is served by several applications of a process, and once if a module is imported in several places', async () => {
    const page = JetStreamAsyncApiModule.forRoot({ info: INFO });
    const pages = [page, { module: Elsewhere, imports: [page] }];
    await using first = await serveShop(server.url, { platform, pages });
    await using second = await serveShop(server.url, { platform, pages: [page] });
    for (const each of [first, second]) expect((await each.get('/asyncapi')).status).toBe(200);
  });

  it('escapes its title', async () => {
    const info = { title: `<script>alert("1")</script>'&`, version: '1.0.0' };
    await using page = await serveShop(server.url, { platform, page: { info } });
    const html = await (await page.get('/asyncapi')).text();
    expect(html).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39;&amp; 1.0.0');
  });

  it('asks the option access for each request, and refuses if it fails', async () => {
    const asked: string[] = [];
    await using page = await serveShop(server.url, {
      platform,
      page: {
        access: ({ request }, action) => {
          asked.push(action);
          const { headers } = request as { headers: Record<string, string | undefined> };
          if (headers.user === 'broken') throw new Error('no directory');
          if (headers.user === 'wrong') return 'yes' as never;
          return Promise.resolve({ allowed: headers.user === 'ann', user: 'ann' });
        },
      },
    });
    const status = async (user?: string): Promise<number> =>
      (await page.get('/asyncapi/asyncapi.json', user === undefined ? {} : { headers: { user } })).status;
    expect([await status(), await status('ann'), await status('broken'), await status('wrong')]).toEqual([
      403, 200, 403, 403,
    ]);
    expect(new Set(asked)).toEqual(new Set(['read']));
    const errors = page.logs.of('error', 'JetStreamAsyncApi');
    expect(errors).toEqual([expect.stringContaining('no directory'), expect.stringContaining('"yes"')]);
  });
});

describe('the page without the package of the viewer', () => {
  it('has JSON, YAML, the form, and says what to install', async () => {
    using _ = withoutPackage('@asyncapi/react-component');
    await using page = await serveShop(server.url, { page: { tryIt: { publish: true } } });
    const html = await (await page.get('/asyncapi')).text();
    expect(html).toContain('install the package @asyncapi/react-component');
    expect(html).not.toContain('viewer');
    expect(html).toContain('id="try-it"');
    expect((await page.get('/asyncapi/assets/viewer.js')).status).toBe(404);
    expect((await page.get('/asyncapi/asyncapi.json')).status).toBe(200);
    expect((await page.get('/asyncapi/asyncapi.yaml')).status).toBe(200);
  });
});

/** Makes Node not find a package. */
function withoutPackage(name: string): Disposable {
  const resolver = Module as unknown as { _resolveFilename(request: string, ...rest: unknown[]): string };
  const original = resolver._resolveFilename;
  resolver._resolveFilename = function (request, ...rest) {
    if (request.startsWith(name)) throw new Error(`${name} is not installed`);
    return original.call(this, request, ...rest);
  };
  return { [Symbol.dispose]: () => (resolver._resolveFilename = original) };
}

describe('the document as YAML', () => {
  it('is the same document as JSON', async () => {
    const info = {
      title: 'null',
      version: '1.0',
      description: 'yes: "no"\n\n- # é \u2028 \t 🚀',
      tags: [{ name: '-1' }, { name: 'true' }, { name: '2020-01-01' }, { name: '0x1' }],
    };
    await using page = await serveShop(server.url, { page: { info } });
    const json = await (await page.get('/asyncapi/asyncapi.json')).text();
    const yaml = await (await page.get('/asyncapi/asyncapi.yaml')).text();
    expect(parse(yaml)).toEqual(JSON.parse(json));
    expect(yaml).toContain('\n  Billing.onPlaced:\n    action: receive\n');
  });
});

describe('the document', () => {
  it('is written once in each form, and kept', async () => {
    await using page = await serveShop(server.url);
    const get = async (form: string): Promise<string> =>
      (await page.get(`/asyncapi/asyncapi.${form}`)).text();
    const first = await Promise.all(['json', 'yaml', 'json', 'yaml'].map(get));
    // A conversion calls it for the document, or for its parts.
    const toJson = vi.spyOn(JSON, 'stringify');
    const again = await Promise.all(['json', 'yaml', 'json', 'yaml'].map(get));
    const converted = toJson.mock.calls.filter(([value]) => typeof value === 'object' || value === 'receive');
    toJson.mockRestore();
    expect(again).toEqual(first);
    expect(converted).toEqual([]);
  });

  it('that cannot be created is logged once a minute', async () => {
    await using page = await serveShop(server.url, { page: { servers: { unknown: {} } } });
    for (let i = 0; i < 10; i++) expect((await page.get('/asyncapi/asyncapi.json')).status).toBe(500);
    expect(page.logs.of('error', 'JetStreamAsyncApi')).toEqual([
      expect.stringMatching(/The page was not served: .*no connection "unknown"/),
    ]);
  });
});

describe('the boot', () => {
  const boot = async (page: object): Promise<void> => {
    await using _ = await serveShop(server.url, { page });
  };

  it.each(['production', '', 'staging'])(
    'refuses a page without protection if NODE_ENV is "%s"',
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

  it('refuses a page without protection if NODE_ENV is not set', async () => {
    vi.stubEnv('NODE_ENV', undefined);
    await expect(boot({})).rejects.toThrow(/NODE_ENV is not set/);
  });

  it('accepts one in development', async () => {
    vi.stubEnv('NODE_ENV', 'development');
    await expect(boot({})).resolves.toBeUndefined();
  });

  it('refuses a page in an application without an HTTP platform', async () => {
    const page = JetStreamAsyncApiModule.forRoot({ info: INFO });
    const module = await Test.createTestingModule({ imports: [shop(server.url, [page])] })
      .setLogger(new LogRecorder())
      .compile();
    await expect(module.init()).rejects.toThrow(HttpPlatformMissingError);
    await module.close();
  });

  it.each([
    ['an unknown option', { publics: true }, 'publics'],
    ['an unknown option of tryIt', { tryIt: { dryrun: true } }, 'dryRun'],
    ['a path with a parameter', { path: ':all' }, 'path'],
    ['a path with ..', { path: 'a/*' }, 'path'],
    ['guards that are not a list', { guards: TokenGuard }, 'guards'],
    ['a limit of 0', { tryIt: { maxPerMinute: 0 } }, 'tryIt.maxPerMinute'],
    ['too many messages', { tryIt: { maxMessages: 1_000 } }, 'tryIt.maxMessages'],
    ['a mask that is not a function', { tryIt: { mask: true } }, 'tryIt.mask'],
    ['an access that is not a function', { access: true }, 'access'],
    ['a wrong option of the document', { info: { title: 7, version: '1' } }, 'title'],
    ['no info', { info: undefined }, 'info'],
  ])('refuses %s', (_, page, problem) => {
    const register = (): unknown => JetStreamAsyncApiModule.forRoot({ info: INFO, ...page } as never);
    expect(register).toThrow(InvalidArgumentError);
    expect(register).toThrow(problem);
  });
});
