// node scripts/test-with-newest-client.mjs [argument of vitest …]
// Runs tests with the newest version of the client instead of the locked one, in a copy of this folder.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGES = ['transport-node', 'jetstream', 'kv', 'obj'].map((name) => `@nats-io/${name}@latest`);

const root = fileURLToPath(new URL('..', import.meta.url));
const copy = mkdtempSync(join(tmpdir(), 'newest-client-'));
try {
  for (const entry of [
    'lib',
    'scripts',
    'test',
    '.npmrc',
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'vitest.config.ts',
  ]) {
    cpSync(join(root, entry), join(copy, entry), { recursive: true });
  }
  run('npm', ['install', '--no-save', ...PACKAGES]);
  run('npm', ['ls', '@nats-io/transport-node', '@nats-io/nats-core']);
  run('npx', ['vitest', 'run', ...process.argv.slice(2)]);
} finally {
  rmSync(copy, { recursive: true, force: true });
}

function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: copy, stdio: 'inherit' });
  if (status !== 0) process.exitCode = status ?? 1;
}
