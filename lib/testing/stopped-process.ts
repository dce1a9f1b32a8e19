import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const TIMEOUT = 2_000;
const STEP = 1;

/**
 * Blocks until a process that received SIGSTOP is stopped: its threads may continue to run for a moment after the
 * signal is sent, long enough to answer a request or two.
 */
export function waitUntilStopped(pid: number): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  const deadline = Date.now() + TIMEOUT;
  while (!isStopped(pid) && Date.now() < deadline) Atomics.wait(pause, 0, 0, STEP);
}

function isStopped(pid: number): boolean {
  const states = process.platform === 'linux' ? threadStates(pid) : [processState(pid)];
  return states.every((state) => state === 'T');
}

function threadStates(pid: number): string[] {
  const tasks = `/proc/${pid}/task`;
  // The state follows the name of the command, which is in parentheses.
  return readdirSync(tasks).map((thread) => {
    const stat = readFileSync(`${tasks}/${thread}/stat`, 'latin1');
    return stat.charAt(stat.lastIndexOf(')') + 2);
  });
}

function processState(pid: number): string {
  const { stdout } = spawnSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'latin1' });
  return stdout.trim().slice(0, 1);
}
