import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

const read = (path: string): Promise<string> => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');

it('lists the declared and the tested versions of Node in the requirements', async () => {
  const { engines } = JSON.parse(await read('package.json')) as { engines: { node: string } };
  const [, requirements = ''] = (await read('README.md')).split('## Requirements\n');
  const [, oldest = ''] = /^>=(\d+\.\d+)$/.exec(engines.node) ?? [];
  expect(requirements).toContain(`Node ${oldest} or newer`);
  const [, others = ''] = /for version in ([\d ]+); do/.exec(await read('.ci/run')) ?? [];
  const [first, ...rest] = [oldest.split('.')[0], ...others.split(' ')].toReversed();
  expect(requirements).toContain(`Tested on Node ${rest.toReversed().join(', ')} and ${first}`);
  // The effect of npm's `engine-strict` on a package of the client has to be mentioned too.
  expect(requirements).toContain('engine-strict');
});
