// Runs the tests of the shop again and again, in random order and in parallel processes, to find tests that sometimes fail:
//   node test/testing/kit/stress.mjs [runs of each test] [processes]
import { spawn } from 'node:child_process';

const [runs = 500, processes = 4] = process.argv.slice(2).map(Number);
const rounds = Math.ceil(runs / processes);
const startedAt = performance.now();
const outcomes = await Promise.all(Array.from({ length: processes }, (_, i) => run(i)));
const seconds = Math.round((performance.now() - startedAt) / 1_000);
const failed = outcomes.filter(({ code }) => code !== 0);
for (const { output } of failed) console.error(output.slice(output.indexOf('Failed Tests')));
for (const { output } of outcomes) console.log(output.match(/^ +Tests .*$/m)?.[0].trim() ?? 'no result');
console.log(
  `${processes} processes, ${rounds} rounds each, ${seconds} s: ${failed.length} processes with failures`,
);
process.exitCode = failed.length === 0 ? 0 : 1;

function run(number) {
  const args = [
    'vitest',
    'run',
    'test/testing/kit/shop.test.ts',
    '--sequence.shuffle.tests',
    '--reporter=default',
  ];
  const seed = `--sequence.seed=${Date.now() + number}`;
  const child = spawn('npx', [...args, seed], {
    env: { ...process.env, KIT_ROUNDS: String(rounds), NO_COLOR: '1' },
  });
  let output = '';
  child.stdout.on('data', (data) => (output += data));
  child.stderr.on('data', (data) => (output += data));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, output })));
}
