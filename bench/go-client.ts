import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Measurement } from './rounds.js';

/** Does a suite's work with the Go client; `undefined` where the program does not know the suite. */
export type GoClient = (operations: number) => Promise<Measurement | undefined>;

/** @param program `bench/go`, built */
export function goClient(program: string, suite: string, url: string): GoClient {
  const run = promisify(execFile);
  return async (operations) => {
    const { stdout } = await run(program, [suite, url, String(operations)]);
    return (JSON.parse(stdout) as Measurement | null) ?? undefined;
  };
}
