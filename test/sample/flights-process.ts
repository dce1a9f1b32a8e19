import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../sample/01-flights/dist/main.js', import.meta.url));

/** A run of the built sample `01-flights` in its own process. */
export class FlightsProcess {
  /** Resolves when the process has ended, with its exit code or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  private readonly child: ChildProcess;
  private readonly printed: Buffer[] = [];

  /** @param url the server; without it the sample starts its own */
  constructor(url?: string) {
    if (!existsSync(main)) throw new Error('the sample is not built: npm run build && npm run build:samples');
    const { NATS_URL: _, ...env } = process.env;
    this.child = spawn(process.execPath, ['--enable-source-maps', main], {
      env: url === undefined ? env : { ...env, NATS_URL: url },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.on('data', (chunk: Buffer) => this.printed.push(chunk));
    this.child.stderr?.on('data', (chunk: Buffer) => this.printed.push(chunk));
    this.ended = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('close', (code, signal) => resolve(signal ?? code ?? 0));
    });
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** The output so far. */
  get output(): string {
    return Buffer.concat(this.printed).toString('utf8');
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }
}
