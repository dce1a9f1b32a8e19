import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as library from 'nestjs-nats-jetstream';
import * as microservice from 'nestjs-nats-jetstream/microservice';
import * as testing from 'nestjs-nats-jetstream/testing';
import { describe, expect, it } from 'vitest';

const page = await readFile(new URL('../../docs/error-index.md', import.meta.url), 'utf8');
const script = fileURLToPath(new URL('../../scripts/error-index.mjs', import.meta.url));

describe('docs/error-index.md', () => {
  it('is what `npm run docs:errors` writes', { timeout: 120_000 }, async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [script, '--stdout']);
    expect(page).toBe(stdout);
  });

  it('has every error that an application can import, and each once', () => {
    const exported = Object.entries({ ...library, ...microservice, ...testing })
      .filter(([, value]) => typeof value === 'function' && value.prototype instanceof Error)
      .map(([name]) => name);
    const listed = [...page.matchAll(/^### (\w+)$/gm)].map(([, name]) => name);
    expect(listed.toSorted()).toEqual(exported.toSorted());
  });

  it('says for each error what to do', () => {
    const sections = page.split(/^### /m).slice(1);
    const wrapped = /(?<!\n)\n(?!\n|- )/g;
    const says = (section: string): boolean =>
      /^\*\*What to do:\*\* .+[.!]$/m.test(section.replaceAll(wrapped, ' '));
    expect(sections.filter((section) => !says(section))).toEqual([]);
  });
});
