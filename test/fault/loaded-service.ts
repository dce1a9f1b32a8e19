import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { BundledModule } from '../support/bundled-module.js';

/** The application of `fixtures/loaded-service.ts`, in a process of its own. */
export class LoadedService {
  /** Whether its handlers have received messages; false if it ended before. */
  readonly working: Promise<boolean>;
  /** Resolves with the exit code or signal that ended it, and with its log. */
  readonly ended: Promise<string>;
  private readonly process: ChildProcess;

  constructor(script: URL, servers: string, journal: string, ackWait: number) {
    const child = spawn(process.execPath, [fileURLToPath(script), servers, journal, String(ackWait)]);
    let logs = '';
    child.stderr.on('data', (text) => (logs += String(text)));
    this.process = child;
    this.ended = once(child, 'close').then(([code, signal]) => `${signal ?? code}${logs}`);
    this.working = Promise.race([once(child.stdout, 'data').then(() => true), this.ended.then(() => false)]);
  }

  kill(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }
}

/** Bundles the application. */
export function buildLoadedService(): Promise<BundledModule> {
  return BundledModule.of(new URL('./fixtures/loaded-service.ts', import.meta.url), [], true);
}
