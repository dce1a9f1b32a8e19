import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { eventually } from '../../support/eventually.js';

const runner = fileURLToPath(new URL('./fixtures/run-module.mjs', import.meta.url));

/** A separate process that runs the `main` of a module, to be killed at a chosen moment. */
export class ModuleProcess implements AsyncDisposable {
  readonly lines: string[] = [];
  private readonly child: ChildProcessByStdio<null, Readable, null>;
  private readonly exited: Promise<unknown>;

  constructor(module: URL, ...args: string[]) {
    this.child = spawn(process.execPath, [runner, fileURLToPath(module), ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.exited = once(this.child, 'close');
    createInterface(this.child.stdout).on('line', (line) => this.lines.push(line));
  }

  /** Waits until it has printed that line. */
  async printed(line: string): Promise<void> {
    await eventually(
      () => this.lines,
      (lines) => lines.includes(line),
      60_000,
    );
  }

  send(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Waits until it has ended, or until the timeout. */
  async ended(timeout: number): Promise<void> {
    await Promise.race([this.exited, sleep(timeout, undefined, { ref: false })]);
  }

  /** Ends it at once, as a crash does. */
  async kill(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill('SIGKILL');
      await this.exited;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
