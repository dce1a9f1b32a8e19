import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Parser } from '@asyncapi/parser';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';

// The command runs the built package, which `npm test` builds first.
const bin = fileURLToPath(new URL('../../bin/nestjs-nats-jetstream.mjs', import.meta.url));
const app = fileURLToPath(new URL('fixtures/app.module.mjs', import.meta.url));
const commonJs = fileURLToPath(new URL('fixtures/shop.module.cjs', import.meta.url));

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command to its end. */
function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Result> {
  return runNode([bin, ...args], env);
}

function runNode(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Result> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [...args],
      { env: { ...process.env, ...env }, timeout: 60_000 },
      (error, stdout, stderr) => {
        const { code } = (error ?? { code: 0 }) as { readonly code: number };
        resolve({ code, stdout, stderr });
      },
    );
  });
}

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'asyncapi-command-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the command', { timeout: 60_000 }, () => {
  it('prints the document of an ES module, without hooks, without a server, and ends', async () => {
    const { code, stdout, stderr } = await run(['asyncapi', app]);
    expect(stderr).toBe('printed while the file is loaded\n');
    expect(code).toBe(0);
    const document = JSON.parse(stdout) as { readonly info: object; readonly operations: object };
    expect(document.info).toEqual({ title: 'Orders', version: '3.2.1' });
    expect(Object.keys(document.operations)).toEqual(['Billing.onPlaced', 'send.orders.id.placed']);
    expect(stdout).not.toContain('s3cret');
    const { diagnostics } = await new Parser().parse(stdout);
    expect(diagnostics.filter(({ severity }) => String(severity) === '0')).toEqual([]);
  });

  it('writes YAML to a file', async () => {
    const output = join(folder, 'document.yaml');
    const { code, stdout } = await run(['asyncapi', app, '--output', output]);
    expect([code, stdout]).toEqual([0, '']);
    const printed = await run(['asyncapi', app]);
    const text = await readFile(output, 'utf8');
    expect(parse(text)).toEqual(JSON.parse(printed.stdout));
    expect(text).not.toMatch(/[&*]a\d/);
    const { stdout: yaml } = await run(['asyncapi', app, '--format', 'yaml']);
    expect(yaml).toBe(text);
  });

  it('finds the only module of a CommonJS file, and its title in the package', async () => {
    const { code, stdout } = await run(['asyncapi', commonJs]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      info: { title: 'nestjs-nats-jetstream' },
      channels: { 'kv.settings.rest': { address: '$KV.settings.{rest}' } },
    });
  });

  it('takes the module that is named', async () => {
    const { code, stdout } = await run(['asyncapi', app, '--module', 'OtherModule']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ operations: {} });
  });

  it.each(['json', 'yaml'])('compares with a file in %s, and lists the changes', async (format) => {
    const file = join(folder, `checked.${format}`);
    await run(['asyncapi', app, '--output', file]);
    expect(await run(['asyncapi', app, '--check', file])).toMatchObject({
      code: 0,
      stdout: `"${file}" is up to date\n`,
    });
    const { code, stdout } = await run(['asyncapi', app, '--check', file], {
      DURABLE: 'other',
      VERSION: '4.0.0',
    });
    expect(code).toBe(1);
    expect(stdout.split('\n')).toEqual([
      `"${file}" differs from the application: 0 breaking changes, 2 compatible changes`,
      '  compatible  operations.Billing.onPlaced.x-jetstream.durable: changed from "billing" to "other"',
      '  compatible  info.version: changed from "3.2.1" to "4.0.0"',
      '',
    ]);
    const other = await run(['asyncapi', app, '--module', 'OtherModule', '--check', file]);
    expect(other.code).toBe(1);
    expect(other.stdout).toContain('  breaking    operations.Billing.onPlaced: was removed\n');
  });

  it('shows its usage', async () => {
    for (const option of ['--help', '-h']) {
      const { code, stdout } = await run([option]);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^Usage: nestjs-nats-jetstream asyncapi <file>/);
    }
  });

  it.each<[string, readonly string[], RegExp]>([
    ['no command', [], /name a command/],
    ['an unknown command', ['open-api'], /no command "open-api"/],
    ['no file', ['asyncapi'], /name the compiled file/],
    ['two files', ['asyncapi', app, commonJs], /name only one file/],
    ['an unknown option', ['asyncapi', app, '--outptu', 'x'], /--outptu/],
    ['an unknown format', ['asyncapi', app, '--format', 'xml'], /json or yaml, not "xml"/],
    ['--check and --output', ['asyncapi', app, '--check', 'a', '--output', 'b'], /--check writes nothing/],
    ['a missing file', ['asyncapi', 'missing.js'], /"missing\.js" cannot be loaded/],
    ['a missing module', ['asyncapi', app, '--module', 'Nothing'], /its modules are AppModule, OtherModule/],
    ['a missing document', ['asyncapi', app, '--check', 'missing.json'], /"missing\.json" cannot be read/],
    [
      'a file without a document',
      ['asyncapi', app, '--check', 'package.json'],
      /contains no AsyncAPI document/,
    ],
    [
      'a file that is not compiled',
      ['asyncapi', 'a.module.ts'],
      /cannot be loaded: .*\. Compile the application/,
    ],
    [
      'a folder that is missing',
      ['asyncapi', app, '--output', 'none/a.json'],
      /"none\/a\.json" cannot be written/,
    ],
  ])('refuses %s with code 2', async (_, args, message) => {
    const { code, stdout, stderr } = await run(args);
    expect(stderr).toMatch(message);
    expect([code, stdout]).toEqual([2, '']);
  });

  it('reports the mistakes of handlers, as the start of the application does', async () => {
    const { code, stderr } = await run(['asyncapi', app], { DURABLE: 'not a name' });
    expect(code).toBe(2);
    expect(stderr).toMatch(/Billing\.onPlaced/);
  });

  it('reports an application that cannot be created', async () => {
    const file = join(folder, 'broken.module.mjs');
    const common = JSON.stringify(import.meta.resolve('@nestjs/common'));
    await writeFile(
      file,
      `import { Module } from ${common};
       export class AppModule {}
       Module({ providers: [{ provide: 'X', useFactory: () => { throw new Error('no database'); } }] })(AppModule);
       export const asyncApi = { info: { title: 'a', version: '1' } };`,
    );
    const { code, stderr } = await run(['asyncapi', file]);
    expect(code).toBe(2);
    expect(stderr).toBe('no database\n');
  });
});

describe('without the package yaml', { timeout: 60_000 }, () => {
  const withoutYaml = ['--import', new URL('fixtures/no-yaml.mjs', import.meta.url).href];

  it('the command writes YAML, and says that a comparison with it needs the package', async () => {
    const file = join(folder, 'without-package.yaml');
    const written = await runNode([...withoutYaml, bin, 'asyncapi', app, '--output', file]);
    expect(written.code).toBe(0);
    expect(parse(await readFile(file, 'utf8'))).toMatchObject({ info: { title: 'Orders' } });
    const { code, stdout, stderr } = await runNode([...withoutYaml, bin, 'asyncapi', app, '--check', file]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(
      'The comparison with a document in YAML needs the package yaml, which cannot be loaded. Install it, or use JSON.',
    );
  });
});
