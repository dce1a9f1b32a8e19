import { readFile } from 'node:fs/promises';
import * as library from 'nestjs-nats-jetstream';
import { JetStreamError } from 'nestjs-nats-jetstream';
import { describe, expect, it } from 'vitest';

const page = await readFile(new URL('../../docs/errors.md', import.meta.url), 'utf8');
const listed = page
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, name = '']) => name));

const exported = Object.entries(library)
  .filter(([name, value]) => name !== 'JetStreamError' && typeof value === 'function' && isError(value))
  .map(([name]) => name);

describe('docs/errors.md', () => {
  it('lists every error that the package exports exactly once', () => {
    expect(listed.toSorted()).toEqual(exported.toSorted());
  });
});

function isError({ prototype }: { readonly prototype: unknown }): boolean {
  return prototype instanceof JetStreamError;
}
