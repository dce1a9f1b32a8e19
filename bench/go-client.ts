import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Measurement } from './suite.js';

/** Runs the work of a suite with the Go client; `undefined` if the program does not have the suite. */
export type GoClient = (operations: number) => Promise<Measurement | undefined>;

/** @param program the built program of `bench/go` */
export function goClient(program: string, suite: string, url: string): GoClient {
  const run = promisify(execFile);
  return async (operations) => {
    const { stdout } = await run(program, [suite, url, String(operations)]);
    return (JSON.parse(stdout) as Measurement | null) ?? undefined;
  };
}
