import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Work } from './suites.js';
import type { SuiteName } from './transport.js';
import type { Outcome } from './worker.js';

/** A transport in a suite. It runs in its own process, so that its leftovers and crashes do not affect others. */
export class Participant {
  private worker: ChildProcess | undefined;
  private stderr = '';

  constructor(
    private readonly suite: SuiteName,
    readonly name: string,
  ) {}

  /** Runs one round. A process that has crashed, or gives no result in time, is replaced in the next round. */
  async run(work: Work): Promise<Outcome> {
    const worker = (this.worker ??= this.start());
    const outcome = await new Promise<Outcome>((resolve) => {
      const timer = setTimeout(() => resolve({ error: `no result within ${TIME_LIMIT} ms` }), TIME_LIMIT);
      const onExit = (code: number | null) => {
        clearTimeout(timer);
        resolve({ error: `the process ended with code ${code}: ${this.stderr.slice(-2_000)}` });
      };
      worker.once('exit', onExit);
      worker.once('message', (message) => {
        clearTimeout(timer);
        worker.off('exit', onExit);
        resolve(message as Outcome);
      });
      worker.send(work);
    });
    if ('error' in outcome) this.stop();
    return outcome;
  }

  stop(): void {
    this.worker?.kill('SIGKILL');
    this.worker = undefined;
  }

  private start(): ChildProcess {
    this.stderr = '';
    const worker = fork(fileURLToPath(new URL('worker.js', import.meta.url)), [this.suite, this.name], {
      execArgv: ['--expose-gc'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    worker.stderr?.on('data', (text: Buffer) => {
      this.stderr = (this.stderr + text.toString()).slice(-10_000);
    });
    return worker;
  }
}

/** How long one round of one transport may take, in milliseconds. */
const TIME_LIMIT = 60_000;
