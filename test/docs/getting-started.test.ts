import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { NatsTestServer } from '../../lib/testing/index.js';

const repository = fileURLToPath(new URL('../../', import.meta.url));
const page = await readFile(join(repository, 'docs/getting-started.md'), 'utf8');
const program = [...page.matchAll(/^```ts\n(?<code>[^]*?)^```$/gm)]
  .map(({ groups }) => groups?.code)
  .join('\n');
const printed = [...page.matchAll(/^\[(?:Shop|Billing|Reminders|Archive)\] .*$/gm)].map(([line]) => line);

describe('the snippets of "Getting started", one after another', () => {
  let folder: string;
  let main: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'getting-started-'));
    main = join(folder, 'main.ts');
    const modules = join(folder, 'node_modules');
    await mkdir(modules);
    for (const name of ['@nestjs', '@types', 'reflect-metadata', 'rxjs'])
      await symlink(join(repository, 'node_modules', name), join(modules, name), 'junction');
    await symlink(repository, join(modules, 'nestjs-nats-jetstream'), 'junction');
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    await writeFile(main, program);
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('compile, and print the lines that the page shows', { timeout: 120_000 }, async () => {
    expect(compile(main)).toEqual([]);
    expect(printed).toHaveLength(4);

    await using server = await NatsTestServer.start();
    const application = spawn(process.execPath, [join(folder, 'main.js')], {
      env: { ...process.env, NATS_URL: server.url, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void application.kill('SIGKILL'));
    const ended = once(application, 'close');
    const seen: string[] = [];
    for await (const line of createInterface(application.stdout)) {
      const message = /\[(?:Shop|Billing|Reminders|Archive)\] .*$/.exec(line)?.[0];
      if (message !== undefined) seen.push(message);
      if (seen.length === printed.length) application.kill();
    }
    await ended;
    expect(seen.toSorted()).toEqual(printed.toSorted());
  });
});

/** Compiles a file beside itself, with the options that `nest new` sets, and returns the errors. */
function compile(file: string): readonly string[] {
  const compiled = ts.createProgram([file], {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    types: ['node'],
    typeRoots: [join(repository, 'node_modules/@types')],
    strict: true,
    isolatedModules: true,
    esModuleInterop: true,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    skipLibCheck: true,
  });
  const { diagnostics } = compiled.emit();
  return [...ts.getPreEmitDiagnostics(compiled), ...diagnostics].map(({ messageText }) =>
    ts.flattenDiagnosticMessageText(messageText, '\n'),
  );
}
