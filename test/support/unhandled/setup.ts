import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterAll, afterEach } from 'vitest';
import { errorStack, errorText } from '../../../lib/reporting/index.js';

/**
 * Fails the test during which a rejection or an exception was not handled: in the test's own process, and in every Node
 * process that it starts. A library that runs in other people's processes must have none.
 */
const inThisProcess: string[] = [];
const folder = mkdtempSync(join(tmpdir(), 'unhandled-errors-'));
const ofChildren = join(folder, 'children');

const record = (error: unknown, origin: string): void => {
  inThisProcess.push(`${origin}: ${errorStack(error) ?? errorText(error)}`);
};
process.on('uncaughtException', record);
process.on('unhandledRejection', (error) => record(error, 'unhandledRejection'));

writeFileSync(ofChildren, '');
process.env.UNHANDLED_ERRORS_FILE = ofChildren;
const preload = new URL('./record-in-child.mjs', import.meta.url).href;
process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} --import ${preload}`.trim();

async function check(): Promise<void> {
  // Node reports an unhandled rejection after the microtasks of its turn.
  await setImmediate();
  const children = readFileSync(ofChildren, 'utf8');
  const errors = [
    ...inThisProcess.splice(0),
    ...(children === '' ? [] : [`in a child process: ${children}`]),
  ];
  if (children !== '') writeFileSync(ofChildren, '');
  if (errors.length > 0) throw new Error(`unhandled errors:\n${errors.join('\n')}`);
}

afterEach(check);
afterAll(async () => {
  try {
    await check();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
