import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installApplication, installNode, packInto } from './packed-package.js';
import { runCommand } from './run-command.js';

const INSTALL = 300_000;
const RUN = 120_000;

/** The line that the applications print if everything succeeded. */
const DONE = '10 consumed, 10 watched, limit of s1 is 30, closed';

let folder: string;
let tarball: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nestjs-nats-jetstream-'));
  tarball = await packInto(folder);
}, INSTALL);

afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each([
  // The transport of Nest 11 uses the package `nats`.
  {
    name: 'nest-11-commonjs',
    tests: /Tests:\s+8 passed, 8 total/,
    packages: ['nats@2', '@nestjs/terminus@11'],
  },
  { name: 'nest-12-esm', tests: /Tests\s+6 passed \(6\)/, packages: ['@nestjs/terminus@12'] },
])('the packed package in $name', ({ name, tests, packages }) => {
  const application = () => join(folder, name);

  beforeAll(() => installApplication(name, [tarball, ...packages], application()), INSTALL);

  it(
    'consumes, watches, serves and shuts down in the tests of the application',
    { timeout: RUN },
    async () => {
      const output = await runCommand('npm', ['test'], application());
      expect(plain(output)).toMatch(tests);
    },
  );

  it('compiles against the types and runs', { timeout: RUN }, async () => {
    await runCommand('npm', ['run', 'build'], application());
    const output = await runCommand('npm', ['start'], application());
    expect(output).toContain(DONE);
  });

  it.runIf(name === 'nest-11-commonjs')(
    'compiles with "module": "commonjs" and "moduleResolution": "node10", and runs',
    { timeout: RUN },
    async () => {
      await runCommand('npm', ['run', 'build:node10'], application());
      const output = await runCommand('npm', ['run', 'start:node10'], application());
      expect(output).toContain(DONE);
    },
  );

  it.runIf(process.platform === 'linux' && process.arch === 'x64').each(['24', '26'])(
    'runs on Node %s',
    { timeout: INSTALL },
    async (version) => {
      const runtime = join(folder, `node-${version}`);
      await mkdir(runtime, { recursive: true });
      const node = await installNode(version, runtime);
      const output = await runCommand(node, ['dist/main.js'], application());
      expect(output).toMatch(new RegExp(`^v${version}\\..*: ${DONE}$`, 'm'));
    },
  );
});

/** Without the colors that test runners print. */
function plain(output: string): string {
  return output.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g'), '');
}
