import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const program = fileURLToPath(new URL('../../sample/01-flights/dist/document.js', import.meta.url));

it(
  '01-flights: starts without a server, writes its AsyncAPI document, and ends',
  { timeout: 120_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'flights-'));
    try {
      const file = join(folder, 'asyncapi.json');
      // It rejects if the exit code is not 0.
      const { stdout, stderr } = await promisify(execFile)(process.execPath, [program, file], {
        timeout: 60_000,
      });
      expect(stdout + stderr).toBe('');
      const document = JSON.parse(await readFile(file, 'utf8')) as {
        readonly info: object;
        readonly operations: object;
      };
      expect(document.info).toEqual({ title: 'Flights', version: '1.0.0' });
      expect(Object.keys(document.operations).length).toBeGreaterThan(0);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
);
