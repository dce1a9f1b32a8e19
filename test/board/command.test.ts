import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect } from 'nestjs-nats-jetstream/nats';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';

// The command runs the built package, which `npm test` builds first.
const bin = fileURLToPath(new URL('../../bin/nestjs-nats-jetstream.mjs', import.meta.url));

let server: NatsTestServer;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'board-command-'));
  server = await NatsTestServer.start({ users: [{ user: 'ops', password: 's3cret-word' }] });
  await writeFile(join(folder, 'password'), 's3cret-word\n');
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

interface Running extends AsyncDisposable {
  readonly child: ChildProcess;
  /** The printed address. */
  readonly address: string;
  readonly output: () => string;
}

/** Starts the command, and waits for its address. */
async function start(args: readonly string[] = [], preload?: string): Promise<Running> {
  const child = spawn(
    process.execPath,
    [
      ...(preload === undefined ? [] : ['--require', preload]),
      bin,
      'board',
      '--server',
      server.url,
      '--user',
      'ops',
      '--password-file',
      join(folder, 'password'),
      ...args,
    ],
    { env: { ...process.env, NODE_ENV: 'production' } },
  );
  let output = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  child.stderr.on('data', (data: Buffer) => (output += data.toString()));
  const ended = once(child, 'exit');
  await eventually(
    () => output,
    (text) => text.includes('Press Ctrl+C') || child.exitCode !== null,
    30_000,
  );
  const [address = ''] = /http:\/\/127\.0\.0\.1:\d+\/board\?token=[\w-]+/.exec(output) ?? [];
  return {
    child,
    address,
    output: () => output,
    async [Symbol.asyncDispose](): Promise<void> {
      if (child.exitCode === null) child.kill('SIGKILL');
      await ended;
    },
  };
}

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command to its end. */
function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Result> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...env }, timeout: 60_000 };
    execFile(process.execPath, [bin, ...args], options, (error, stdout, stderr) => {
      const { code } = (error ?? { code: 0 }) as { readonly code: number };
      resolve({ code, stdout, stderr });
    });
  });
}

/** The cookie of the browser that opened the address. */
async function cookieOf({ address }: Running): Promise<string> {
  const response = await fetch(address, { redirect: 'manual' });
  expect(response.status).toBe(303);
  expect(response.headers.get('location')).toBe('/board');
  const cookie = response.headers.get('set-cookie') ?? '';
  expect(cookie).toMatch(/^jetstream-board-\d+=[\w-]{43}; Path=\/board; HttpOnly; SameSite=Strict$/);
  return cookie.split(';')[0] ?? '';
}

describe('the command', { timeout: 60_000 }, () => {
  it.each([
    ['@nestjs/platform-express', undefined],
    ['@nestjs/platform-fastify', '@nestjs/platform-express'],
  ])('serves the board with %s', async (_, missing) => {
    const preload = missing === undefined ? undefined : await without(missing);
    await using board = await start([], preload);
    expect(board.output()).toContain(`Board of ${server.name} (nats-server ${server.version}), read-only: `);
    expect(board.output()).not.toContain('s3cret-word');
    const { origin } = new URL(board.address);
    const cookie = await cookieOf(board);
    const page = await fetch(`${origin}/board`, { headers: { cookie } });
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('data-base="./board/"');
    const session = await fetch(`${origin}/board/api/session`, { headers: { cookie } });
    expect(await session.json()).toMatchObject({ readOnly: true, connections: [{ connected: true }] });
    const nc = await connect({ servers: server.url, user: 'ops', pass: 's3cret-word' });
    const config = JSON.stringify({ name: 'EVENTS', subjects: ['events.>'], storage: 'memory' });
    await nc.request('$JS.API.STREAM.CREATE.EVENTS', config);
    const streams = await fetch(`${origin}/board/api/streams`, { headers: { cookie } });
    expect(JSON.stringify(await streams.json())).toContain('"EVENTS"');
    await nc.close();
  });

  it('admits the browser that has the address only, and only once', async () => {
    await using board = await start();
    const { origin } = new URL(board.address);
    const routes = ['', '/api/session', '/assets/board.js', '/live', '/raw/message?stream=A&sequence=1'];
    const refused = async (headers: Record<string, string> = {}): Promise<void> => {
      for (const route of routes)
        expect((await fetch(`${origin}/board${route}`, { headers })).status, route).toBe(403);
    };
    await refused();
    expect((await fetch(`${origin}/board?token=wrong`, { redirect: 'manual' })).status).toBe(403);
    const cookie = await cookieOf(board);
    expect((await fetch(board.address, { redirect: 'manual' })).status).toBe(403);
    expect((await fetch(`${origin}/board`, { headers: { cookie } })).status).toBe(200);
    const [name = ''] = cookie.split('=');
    await refused({ cookie: `${name}=` });
    await refused({ cookie: `${cookie}x` });
    await refused({ cookie: `other=${cookie.slice(name.length + 1)}` });
  });

  it('answers to its own host name only', async () => {
    await using board = await start();
    const { port } = new URL(board.address);
    const cookie = await cookieOf(board);
    const status = (host: string): Promise<number> =>
      new Promise((resolve, reject) => {
        const sent = request(
          { host: '127.0.0.1', port, path: '/board/api/session', headers: { host, cookie } },
          (response) => {
            response.resume();
            resolve(response.statusCode ?? 0);
          },
        );
        sent.on('error', reject);
        sent.end();
      });
    expect(await status(`127.0.0.1:${port}`)).toBe(200);
    expect(await status(`localhost:${port}`)).toBe(200);
    for (const host of [`evil.example:${port}`, '127.0.0.1', '127.0.0.1:1', `127.0.0.1.evil.example:${port}`])
      expect(await status(host), host).toBe(403);
  });

  it('cannot be reached from other machines', async () => {
    await using board = await start();
    const { port } = new URL(board.address);
    const others = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter(({ internal, family }) => !internal && family === 'IPv4');
    for (const { address } of others)
      await expect(fetch(`http://${address}:${port}/board`), address).rejects.toThrow();
    expect(board.output()).toContain('http://127.0.0.1:');
  });

  it('changes something with --read-write only', async () => {
    await using readOnly = await start();
    await using readWrite = await start(['--read-write', '--title', 'Staging']);
    const act = async (board: Running): Promise<number> => {
      const { origin } = new URL(board.address);
      const cookie = await cookieOf(board);
      const response = await fetch(`${origin}/board/api/drop`, {
        method: 'POST',
        headers: { cookie, 'content-type': 'application/json', 'x-jetstream-page': '1' },
        body: JSON.stringify({ sequence: 1, time: '2026-01-01T00:00:00.000Z' }),
      });
      return response.status;
    };
    expect(await act(readOnly)).toBe(403);
    expect(await act(readWrite)).toBe(404);
    expect(readOnly.output()).toContain(
      'Board: drop (sequence=1) by a caller: refused: the board is read-only',
    );
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('ends with %s, also while the page is open', async (signal) => {
    await using board = await start();
    const { origin } = new URL(board.address);
    const cookie = await cookieOf(board);
    const live = await fetch(`${origin}/board/live`, { headers: { cookie } });
    expect(live.status).toBe(200);
    const ended = once(board.child, 'exit');
    board.child.kill(signal);
    expect(await ended).toEqual([0, null]);
  });

  it('shows its usage', async () => {
    for (const option of ['--help', '-h']) {
      const { code, stdout } = await run(['board', option]);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^Usage: nestjs-nats-jetstream board \[options\]/);
    }
  });

  it.each<[string, readonly string[], RegExp]>([
    ['an unknown option', ['--sever', 'x'], /--sever/],
    ['a password as an argument', ['--password', 'x'], /--password/],
    ['a file', ['dist/main.js'], /dist\/main\.js/],
    ['a port that is not a number', ['--port', 'http'], /--port must be a number/],
    ['a port that is too large', ['--port', '65536'], /--port must be a number/],
    ['an empty server', ['--server', ''], /--server must be/],
    ['a certificate without its key', ['--tls-cert', 'a.pem'], /belong together/],
    ['two kinds of credentials', ['--user', 'a', '--creds', 'b'], /only one of/],
    ['a password without a user', ['--password-file', 'a'], /needs --user/],
    ['a file that is missing', ['--creds', 'missing.creds'], /"missing\.creds" cannot be read/],
    ['a certificate that is missing', ['--tls-ca', 'missing.pem'], /"missing\.pem" cannot be read/],
  ])('refuses %s with code 2', async (_, args, message) => {
    const { code, stdout, stderr } = await run(['board', ...args]);
    expect(stderr).toMatch(message);
    expect(stderr).toContain('board --help');
    expect([code, stdout]).toEqual([2, '']);
  });

  it('says that the server cannot be reached, or refuses the user', async () => {
    const missing = await run(['board', '--server', 'nats://127.0.0.1:1']);
    expect([missing.code, missing.stdout]).toEqual([2, '']);
    expect(missing.stderr).toContain('127.0.0.1:1');
    const refused = await run(['board', '--server', server.url, '--user', 'ops'], {
      NATS_PASSWORD: 'wr0ng-word',
    });
    expect([refused.code, refused.stdout]).toEqual([2, '']);
    expect(refused.stderr).toMatch(/authoriz/i);
    expect(refused.stderr).not.toContain('wr0ng-word');
  });

  it('says which package it needs without an HTTP platform', async () => {
    const preload = await without('@nestjs/platform-');
    const result = await new Promise<Result>((resolve) => {
      execFile(process.execPath, ['--require', preload, bin, 'board'], (error, stdout, stderr) => {
        resolve({ code: Number((error as { code?: number } | null)?.code ?? 0), stdout, stderr });
      });
    });
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(
      /needs the package @nestjs\/platform-express.*or install @nestjs\/platform-fastify/,
    );
  });
});

/** A file that makes Node not find packages whose names begin like this. */
async function without(name: string): Promise<string> {
  const file = join(folder, `without-${name.replaceAll('/', '-')}.cjs`);
  await writeFile(
    file,
    `const Module = require('node:module');
const resolve = Module._resolveFilename;
Module._resolveFilename = function (request, ...rest) {
  if (request.startsWith(${JSON.stringify(name)})) throw new Error('not installed');
  return resolve.call(this, request, ...rest);
};`,
  );
  return file;
}
