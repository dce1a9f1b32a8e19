import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LIBRARY_VERSION } from '../../lib/reporting/index.js';
import { packInto, repository } from './packed-package.js';
import { runCommand } from './run-command.js';
import { compileStrictly, importsOf, installPacked, optionalMembersOf, problemsOf } from './strict-types.js';

interface PackedFile {
  readonly path: string;
}

let folder: string;
let tarball: string;
let files: string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nestjs-nats-jetstream-'));
  tarball = await packInto(folder);
  const listing = await runCommand('npm', ['pack', '--ignore-scripts', '--dry-run', '--json'], repository);
  const [{ files: packed }] = JSON.parse(listing) as { readonly files: readonly PackedFile[] }[];
  files = packed.map(({ path }) => path);
}, 180_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

const ROOT = ['LICENSE', 'README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'package.json'];

describe('the packed package', () => {
  it('contains only the built code with its types, the license, the documents and the samples', () => {
    const unexpected = files.filter(
      (path) =>
        !/^dist\/(esm|cjs)\/.+\.(js|js\.map|d\.ts)$/.test(path) &&
        path !== 'bin/nestjs-nats-jetstream.mjs' &&
        !/^docs\/(.+\.md|images\/.+\.png|grafana\/.+\.json|kubernetes\.yaml|speed\.svg)$/.test(path) &&
        !/^sample\/[^/]+\/(README\.md|src\/.+\.ts)$/.test(path) &&
        !['dist/cjs/package.json', ...ROOT].includes(path),
    );
    expect(unexpected).toEqual([]);
    expect(files).toEqual(expect.arrayContaining(ROOT));
  });

  it('declares no internals', async () => {
    const declarations = files.filter((path) => path.endsWith('.d.ts'));
    const texts = await Promise.all(declarations.map((path) => readFile(join(repository, path), 'utf8')));
    expect(declarations.filter((_, i) => texts[i]?.includes('@internal'))).toEqual([]);
    const service = texts[declarations.indexOf('dist/cjs/jetstream/jetstream.service.d.ts')];
    expect(service).toContain('createStream(config: StreamConfig, options?: CallOptions): Promise<Stream>;');
    expect(service).toContain('constructor(internal: never);');
    expect(service).not.toContain('readonly requests');
  });

  it('is one implementation in a process, for ES modules and CommonJS together', async () => {
    const entries = (await entriesOfPackage()).filter((entry) => !isMatchers(entry));
    const script = `
      import { createRequire } from 'node:module';
      const require = createRequire(process.cwd() + '/');
      for (const entry of ${JSON.stringify(entries)}) {
        const [esm, cjs] = [await import(entry), require(entry)];
        const names = new Set([...Object.keys(esm), ...Object.keys(cjs)]);
        const different = [...names].filter((name) => esm[name] !== cjs[name]);
        console.log(entry, names.size > 0, different.join() || 'the same');
      }`;
    const output = await runCommand(process.execPath, ['--input-type=module', '-e', script], repository);
    expect(
      output
        .trim()
        .split('\n')
        .filter((line) => line.startsWith('nestjs')),
    ).toEqual(entries.map((entry) => `${entry} true the same`));
  });

  it('loads the health checks without @nestjs/terminus', async () => {
    const script = `
      import Module, { createRequire } from 'node:module';
      const resolve = Module._resolveFilename;
      Module._resolveFilename = function (request, ...rest) {
        if (request === '@nestjs/terminus') throw new Error('not installed');
        return resolve.call(this, request, ...rest);
      };
      const esm = await import('nestjs-nats-jetstream/health');
      const cjs = createRequire(process.cwd() + '/')('nestjs-nats-jetstream/health');
      const indicator = new cjs.JetStreamHealthIndicator({ connection: () => ({ status: 'up' }) });
      await indicator.connection('nats').catch((error) => console.log(Object.keys(esm).join(), error.message));`;
    const output = await runCommand(process.execPath, ['--input-type=module', '-e', script], repository);
    expect(output).toContain('JetStreamHealth,JetStreamHealthIndicator,JetStreamHealthModule');
    expect(output).toContain('JetStreamHealthIndicator needs the package @nestjs/terminus');
  });

  it('loads the code of the option discovery only if it is used', async () => {
    const script = `
      import { createRequire } from 'node:module';
      const require = createRequire(process.cwd() + '/');
      require('reflect-metadata');
      const { NestFactory } = require('@nestjs/core');
      const { JetStreamModule } = require('nestjs-nats-jetstream');
      for (const discovery of [undefined, { name: 'a', version: '1.0.0' }]) {
        const options = { connect: false, discovery };
        const app = await NestFactory.createApplicationContext(JetStreamModule.forRoot(options), { logger: false });
        await app.close();
        console.log(Object.keys(require.cache).some((file) => /discovery.answering/.test(file)));
      }`;
    const output = await runCommand(process.execPath, ['--input-type=module', '-e', script], repository);
    expect(output.trim().split('\n')).toEqual(['false', 'true']);
  });

  it('loads the code of the board only if it is imported', async () => {
    const script = `
      import { createRequire } from 'node:module';
      const require = createRequire(process.cwd() + '/');
      const loaded = () => Object.keys(require.cache).some((file) => /cjs.board/.test(file));
      for (const entry of ['', '/microservice', '/asyncapi', '/metrics', '/health', '/testing'])
        require('nestjs-nats-jetstream' + entry);
      console.log(loaded());
      require('nestjs-nats-jetstream/board');
      console.log(loaded());`;
    const output = await runCommand(process.execPath, ['--input-type=module', '-e', script], repository);
    expect(output.trim().split('\n')).toEqual(['false', 'true']);
  });

  it('works without class-validator and class-transformer, except for messages whose schema is a class', async () => {
    const script = `
      import Module, { createRequire } from 'node:module';
      const resolve = Module._resolveFilename;
      Module._resolveFilename = function (request, ...rest) {
        if (request === 'class-transformer') throw new Error('not installed');
        return resolve.call(this, request, ...rest);
      };
      const { defineMessage, MessagePipe } = createRequire(process.cwd() + '/')('nestjs-nats-jetstream');
      class Order {}
      const plain = new MessagePipe(defineMessage({ subject: 'a' }));
      console.log(await plain.transform('any'));
      const pipe = new MessagePipe(defineMessage({ subject: 'b', schema: Order }));
      await pipe.transform({}).catch((error) => console.log(error.name, error.message));`;
    const output = await runCommand(process.execPath, ['--input-type=module', '-e', script], repository);
    expect(output).toContain('any');
    expect(output).toContain(
      'PackageNotInstalledError The class Order as the schema of a message needs the package class-transformer',
    );
  });

  it('knows its own version', async () => {
    const { version } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8')) as {
      readonly version: string;
    };
    expect(LIBRARY_VERSION).toBe(version);
  });

  it('has every file that its manifest refers to', async () => {
    const manifest = await readFile(join(repository, 'package.json'), 'utf8');
    const targets = [...manifest.matchAll(/"\.?\/?(dist\/[^"]+)"/g)].map(([, path]) => path);
    expect(targets.length).toBeGreaterThan(0);
    expect(targets.filter((path) => !files.includes(path))).toEqual([]);
  });

  it('passes publint without complaints', async () => {
    const { messages, pkg } = await publint({
      strict: true,
      pack: { tarball: await read(tarball) },
    });
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
  });

  it('has correct types under every module resolution', { timeout: 180_000 }, async () => {
    // vitest can only be imported by ES modules.
    const options = ['--no-color', '--exclude-entrypoints', 'testing/vitest'];
    const output = await runCommand('npx', ['--no-install', 'attw', tarball, ...options], repository);
    expect(output).toContain('No problems found');
  });

  it(
    'compiles with the strictest settings and with undefined passed to options',
    { timeout: 180_000 },
    async () => {
      await installPacked(tarball, folder);
      const program = await compileStrictly(folder);
      const entries = (await entriesOfPackage()).filter((entry) => entry !== FOR_VITEST);
      expect(importsOf(program, 'matchers.mts')).toContain(FOR_VITEST);
      for (const consumer of ['consumer.mts', 'consumer.cts']) {
        expect(importsOf(program, consumer).toSorted()).toEqual(entries.toSorted());
      }
      expect(problemsOf(program)).toEqual([]);
      const members = optionalMembersOf(program, [
        'ConsumerExtras',
        'EventExtras',
        'JetStreamModuleExtras',
        'JetStreamModuleOptions',
        'RequestExtras',
      ]);
      expect(members.size).toBeGreaterThan(200);
      const refusing = [...members].filter(([, takesUndefined]) => !takesUndefined);
      expect(refusing).toEqual([]);
    },
  );
});

describe('the packed package in an application of', () => {
  it.each([
    ['Nest 11', '11', ['@nestjs/microservices@11']],
    ['Nest 11, which does not name @nestjs/microservices', '11', []],
    ['Nest 12', '12', ['@nestjs/microservices@12']],
    ['Nest 12, which does not name @nestjs/microservices', '12', []],
  ])('%s is installed with the packages of that version', { timeout: 180_000 }, async (_, nest, more) => {
    const application = await mkdtemp(join(folder, 'application-'));
    const dependencies = {
      '@nestjs/common': `^${nest}.0.0`,
      '@nestjs/core': `^${nest}.0.0`,
      'reflect-metadata': '^0.2.0',
      rxjs: '^7.8.0',
    };
    await writeFile(join(application, 'package.json'), JSON.stringify({ private: true, dependencies }));
    // Resolves all versions like an installation, without downloading them.
    const options = ['--package-lock-only', '--prefer-offline', '--no-audit', '--no-fund'];
    await runCommand('npm', ['install', ...options, tarball, ...more], application);
    const lock = JSON.parse(await readFile(join(application, 'package-lock.json'), 'utf8')) as {
      readonly packages: Readonly<Record<string, { readonly version: string }>>;
    };
    const versions = Object.entries(lock.packages).flatMap(([path, { version }]) =>
      path.includes('node_modules/@nestjs/') ? [`${path.replace(/^.*node_modules\//, '')} ${version}`] : [],
    );
    for (const name of ['common', 'core', 'microservices']) {
      expect(versions.filter((line) => line.startsWith(`@nestjs/${name} `))).toEqual([
        expect.stringMatching(new RegExp(` ${nest}\\.`)),
      ]);
    }
  });
});

const FOR_VITEST = 'nestjs-nats-jetstream/testing/vitest';

/** Whether an entry extends the `expect` of a test runner, without which it cannot be loaded. */
function isMatchers(entry: string): boolean {
  return entry === FOR_VITEST || entry === 'nestjs-nats-jetstream/testing/jest';
}

async function entriesOfPackage(): Promise<string[]> {
  const { exports } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8')) as {
    readonly exports: Readonly<Record<string, object>>;
  };
  return Object.keys(exports)
    .filter((entry) => entry !== './package.json')
    .map((entry) => `nestjs-nats-jetstream${entry.slice(1)}`);
}

async function read(file: string): Promise<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = await readFile(file);
  return buffer.slice(byteOffset, byteOffset + byteLength);
}
