import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly title: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

it('unhandled errors fail the test that caused them, in child processes too', { timeout: 60_000 }, () => {
  const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
  const config = fileURLToPath(new URL('./fixtures/vitest.config.ts', import.meta.url));
  const { NODE_OPTIONS: _, ...env } = process.env;
  const run = spawnSync(process.execPath, [vitest, 'run', '--config', config, '--reporter=json'], {
    env,
    encoding: 'utf8',
  });
  const { testResults } = JSON.parse(run.stdout) as Report;
  const outcomes = testResults[0].assertionResults.map(({ title, status, failureMessages }) => ({
    title,
    status,
    cause: /a(?:n exception|(?: rejection)) ?(?:of a child)?/.exec(failureMessages.join('\n'))?.[0].trim(),
  }));
  expect(outcomes).toEqual([
    { title: 'leaves a rejection', status: 'failed', cause: 'a rejection' },
    { title: 'leaves an exception', status: 'failed', cause: 'an exception' },
    {
      title: 'starts a process that leaves a rejection',
      status: 'failed',
      cause: 'a rejection of a child',
    },
    {
      title: 'starts a process that leaves an exception',
      status: 'failed',
      cause: 'an exception of a child',
    },
    { title: 'starts a process that fails on purpose', status: 'passed', cause: undefined },
  ]);
});
