import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { NatsServerChecksumError, NatsServerNotFoundError, NatsTestServer } from '../../lib/testing/index.js';
import { findServerBinary } from '../../lib/testing/server-binary.js';

const run = promisify(execFile);
const hasApt = await run('apt-get', ['--version']).then(
  () => true,
  () => false,
);

let folder: string;
/** An environment without any installed, cached or reachable nats-server, in which archives can be unpacked. */
let bare: NodeJS.ProcessEnv;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'server-binary-'));
  await mkdir(join(folder, 'bin'));
  for (const tool of ['tar', 'gzip']) {
    const { stdout } = await run('/bin/sh', ['-c', `command -v ${tool}`]);
    await symlink(stdout.trim(), join(folder, 'bin', tool));
  }
  bare = {
    PATH: join(folder, 'bin'),
    XDG_CACHE_HOME: join(folder, 'cache'),
    NATS_SERVER_MIRROR: 'http://127.0.0.1:1',
  };
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

/** Writes a program that claims to be a nats-server of that version. */
async function writeProgram(path: string, version: string): Promise<string> {
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, `#!/bin/sh\necho 'nats-server: v${version}'\n`);
  await chmod(path, 0o755);
  return path;
}

describe('NATS_SERVER_BIN', () => {
  it('is the binary that NatsTestServer starts', async () => {
    const program = join(folder, 'my-server');
    await cp(await findServerBinary('2.10'), program);
    vi.stubEnv('NATS_SERVER_BIN', program);
    await using server = await NatsTestServer.start();
    expect(server.version).toMatch(/^2\.10\./);
  });

  it('takes precedence over PATH', async () => {
    await writeProgram(join(folder, 'bin', 'nats-server'), '2.15.9');
    const program = await writeProgram(join(folder, 'my-server'), '2.9.1');
    expect(await findServerBinary(undefined, { ...bare, NATS_SERVER_BIN: program })).toBe(program);
  });

  it('is ignored if another version is requested', async () => {
    const onPath = await writeProgram(join(folder, 'bin', 'nats-server'), '2.10.4');
    const program = await writeProgram(join(folder, 'my-server'), '2.9.1');
    expect(await findServerBinary('2.10', { ...bare, NATS_SERVER_BIN: program })).toBe(onPath);
  });

  it('is an error if it is not a nats-server', async () => {
    const env = { ...bare, NATS_SERVER_BIN: join(folder, 'missing') };
    await expect(findServerBinary(undefined, env)).rejects.toThrow(/NATS_SERVER_BIN: .*missing.* ENOENT/);
    const other = { ...bare, NATS_SERVER_BIN: '/bin/echo' };
    await expect(findServerBinary(undefined, other)).rejects.toThrow(
      /NATS_SERVER_BIN: \/bin\/echo --version printed/,
    );
  });
});

describe('A nats-server on PATH', () => {
  it('is used if it is 2.11 or newer', async () => {
    const program = await writeProgram(join(folder, 'bin', 'nats-server'), '2.11.0');
    expect(await findServerBinary(undefined, bare)).toBe(program);
    expect(await findServerBinary('2.11', bare)).toBe(program);
    expect(await findServerBinary('2', bare)).toBe(program);
  });

  it('is ignored if it is older, or not of the requested version', async () => {
    await writeProgram(join(folder, 'bin', 'nats-server'), '2.10.40');
    await expect(findServerBinary(undefined, bare)).rejects.toThrow(/PATH: .*nats-server is 2\.10\.40/);
    await expect(findServerBinary('2.1', bare)).rejects.toThrow(/PATH: .*nats-server is 2\.10\.40/);
  });
});

describe('The release archive', () => {
  it('is downloaded from the mirror, verified, cached and started', async () => {
    await using mirror = await startMirror();
    const { version } = await NatsTestServer.start().then(async (server) => (await server.stop(), server));
    await mirror.release(version, await findServerBinary(version));
    vi.stubEnv('XDG_CACHE_HOME', bare.XDG_CACHE_HOME);
    vi.stubEnv('NATS_SERVER_MIRROR', mirror.url);
    await using server = await NatsTestServer.start({ version });
    expect(server.version).toBe(version);
    expect(mirror.requests).toEqual([
      `/releases/download/v${version}/SHA256SUMS`,
      `/releases/download/v${version}/${archiveName(version)}`,
    ]);
  });

  it('is rejected if its checksum is different', async () => {
    await using mirror = await startMirror();
    await mirror.release('2.12.3', await writeProgram(join(folder, 'program'), '2.12.3'));
    mirror.files.set(`/releases/download/v2.12.3/${archiveName('2.12.3')}`, Buffer.from('something else'));
    const env = { ...bare, NATS_SERVER_MIRROR: mirror.url };
    const failure = findServerBinary('2.12.3', env);
    await expect(failure).rejects.toThrow(NatsServerChecksumError);
    await expect(failure).rejects.toThrow(/SHA-256 is [0-9a-f]{64}, but SHA256SUMS says [0-9a-f]{64}/);
    await expect(findServerBinary('2.12.3', bare)).rejects.toThrow(/cache .*: is empty/);
  });

  it('is downloaded with the credentials in the address of the mirror, which no error contains', async () => {
    const seen: (string | undefined)[] = [];
    await using mirror = await startMirror((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(403).end();
    });
    const env = { ...bare, NATS_SERVER_MIRROR: mirror.url.replace('//', '//sue:p%40ss@') };
    const error = await findServerBinary('2.12.3', env).catch((reason: unknown) => reason);
    expect(seen).toEqual([`Basic ${Buffer.from('sue:p@ss').toString('base64')}`]);
    expect(String(error)).toMatch(/official release: http:\/\/127\.0\.0\.1.*SHA256SUMS: answered 403/);
    expect(String(error)).not.toMatch(/sue|p%40ss|p@ss/);
  });

  it('is not awaited if the mirror does not respond', async () => {
    await using mirror = await startMirror(() => undefined);
    const env = { ...bare, NATS_SERVER_MIRROR: mirror.url };
    const start = performance.now();
    await expect(findServerBinary('2.12.3', env)).rejects.toThrow(
      /SHA256SUMS: .*did not answer within 3000 ms/,
    );
    expect(performance.now() - start).toBeLessThan(5_000);
  });

  it('is the newest version that satisfies the request', async () => {
    await using mirror = await startMirror();
    const versions = ['2.9.9', '2.9.25', '2.10.9', '2.14.0', '2.14.11'];
    for (const version of versions) {
      await mirror.release(version, await writeProgram(join(folder, 'program'), version));
    }
    // The format in which git's smart servers list references: a length, the capabilities of the server, peeled tags.
    const lines = ['HEAD\0multi_ack', ...versions.map((version) => `refs/tags/v${version}`)];
    lines.push('refs/tags/v2.15.0-RC.1', 'refs/tags/v2.14.12^{}', 'refs/heads/v2.16.0');
    const refs = lines.map((line) => `003f${'a'.repeat(40)} ${line}\n`).join('');
    mirror.files.set('/info/refs?service=git-upload-pack', Buffer.from(refs));
    const env = { ...bare, NATS_SERVER_MIRROR: `${mirror.url}/` };
    for (const [requested, version] of [
      ['2.9', '2.9.25'],
      ['2.10', '2.10.9'],
      [undefined, '2.14.11'],
    ]) {
      const path = await findServerBinary(requested, env);
      expect((await run(path, ['--version'])).stdout).toContain(`v${version}`);
    }
    await expect(findServerBinary('2.15', env)).rejects.toThrow(/info\/refs.* lists no release 2\.15/);
  });

  it('is downloaded once for concurrent requests, and not again', async () => {
    await using mirror = await startMirror();
    await mirror.release('2.12.3', await writeProgram(join(folder, 'program'), '2.12.3'));
    const env = { ...bare, NATS_SERVER_MIRROR: mirror.url };
    const paths = await Promise.all(Array.from({ length: 5 }, () => findServerBinary('2.12.3', env)));
    expect(new Set(paths).size).toBe(1);
    expect(mirror.requests).toHaveLength(2);
    expect(await findServerBinary('2.12', bare)).toBe(paths[0]);
  });
});

describe('The cache', () => {
  it('returns the version that was downloaded as the newest if none is requested', async () => {
    await using mirror = await startMirror();
    for (const version of ['2.12.3', '2.13.1']) {
      await mirror.release(version, await writeProgram(join(folder, 'program'), version));
    }
    const tag = (version: string) => `${'a'.repeat(40)}\trefs/tags/v${version}\n`;
    mirror.files.set('/info/refs?service=git-upload-pack', Buffer.from(tag('2.12.3')));
    const env = { ...bare, NATS_SERVER_MIRROR: mirror.url };
    expect(await findServerBinary('2.13.1', env)).toContain('2.13.1');
    expect(await findServerBinary(undefined, env)).toContain('2.12.3');
    expect(await findServerBinary(undefined, bare)).toContain('2.12.3');
    expect(await findServerBinary('2', bare)).toContain('2.13.1');
  });

  it('is not blocked by a process that crashed during a download', async () => {
    await using mirror = await startMirror();
    await mirror.release('2.12.3', await writeProgram(join(folder, 'program'), '2.12.3'));
    const cache = join(folder, 'cache', 'nestjs-nats-jetstream');
    await mkdir(cache, { recursive: true });
    const lock = join(cache, `.lock-2.12.3-${process.platform}-${process.arch}`);
    await writeFile(lock, '');
    await run('touch', ['-d', '2001-02-03', lock]);
    expect(await findServerBinary('2.12.3', { ...bare, NATS_SERVER_MIRROR: mirror.url })).toContain('2.12.3');
  });

  it('is named if it cannot be written', async () => {
    await writeFile(join(folder, 'file'), '');
    const env = { ...bare, XDG_CACHE_HOME: join(folder, 'file') };
    await expect(findServerBinary(undefined, env)).rejects.toThrow(
      /cache: ENOTDIR.*file\/nestjs-nats-jetstream/,
    );
  });
});

describe.skipIf(!hasApt)("The distribution's package", () => {
  it('is downloaded with apt as the last resort', async () => {
    const env = { ...bare, PATH: process.env.PATH };
    const path = await findServerBinary(undefined, env);
    const { stdout } = await run(path, ['--version']);
    expect(stdout).toMatch(/nats-server: v2\.\d+\.\d+/);
    expect(await findServerBinary(undefined, bare)).toBe(path);
  }, 120_000);
});

describe('When there is no nats-server', () => {
  it('the error lists the searched places and what to do', async () => {
    const error = await findServerBinary('2.13', bare).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(NatsServerNotFoundError);
    const { message, requested, steps } = error as NatsServerNotFoundError;
    expect(requested).toBe('2.13');
    expect(steps.map(({ source }) => source.replace(/ \(.*/, ''))).toEqual([
      'NATS_SERVER_BIN',
      'PATH',
      'cache',
      'official release',
      'distribution package',
    ]);
    expect(message).toMatch(/^No nats-server 2\.13 could be found or fetched\.$/m);
    expect(message).toMatch(/NATS_SERVER_BIN: not set/);
    expect(message).toMatch(/PATH: has no nats-server/);
    expect(message).toMatch(
      /official release: http:\/\/127\.0\.0\.1:1\/info\/refs.*: .*(ECONNREFUSED|bad port)/,
    );
    expect(message).toMatch(/Linux: .*\n.*macOS: brew .*\n.*Windows: .*\n.*NATS_SERVER_BIN/);
  });
});

function archiveStem(version: string): string {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  return `nats-server-v${version}-${process.platform}-${architecture}`;
}

function archiveName(version: string): string {
  return `${archiveStem(version)}.tar.gz`;
}

/** An HTTP server in place of the project's releases, which responds to each request with a file by default. */
async function startMirror(answer?: RequestListener) {
  const files = new Map<string, Buffer>();
  const requests: string[] = [];
  const sendFile: RequestListener = (request, response) => {
    requests.push(request.url ?? '');
    const file = files.get(request.url ?? '');
    response.writeHead(file === undefined ? 404 : 200).end(file);
  };
  const server = createServer(answer ?? sendFile);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    files,
    requests,

    /** Packs a program like a release, and publishes it with its checksum. */
    async release(version: string, program: string): Promise<void> {
      const stage = join(folder, 'release');
      await mkdir(join(stage, archiveStem(version)), { recursive: true });
      await cp(program, join(stage, archiveStem(version), 'nats-server'));
      await run('tar', ['-czf', 'archive.tar.gz', archiveStem(version)], { cwd: stage });
      const archive = await readFile(join(stage, 'archive.tar.gz'));
      const sum = createHash('sha256').update(archive).digest('hex');
      const path = `/releases/download/v${version}`;
      files.set(`${path}/${archiveName(version)}`, archive);
      files.set(
        `${path}/SHA256SUMS`,
        Buffer.from(`${'0'.repeat(64)}  other.zip\n${sum}  ${archiveName(version)}\n`),
      );
    },

    async [Symbol.asyncDispose](): Promise<void> {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
