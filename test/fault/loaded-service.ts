import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

/** The application of `fixtures/loaded-service.ts`, in a process of its own. */
export class LoadedService {
  /** Whether its handlers have received messages; false if it ended before. */
  readonly working: Promise<boolean>;
  /** Resolves with the exit code or signal that ended it, and with its log. */
  readonly ended: Promise<string>;
  private readonly process: ChildProcess;

  constructor(script: string, servers: string, journal: string, ackWait: number) {
    const child = spawn(process.execPath, [script, servers, journal, String(ackWait)]);
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

/** Bundles the application into one file, which starts three times as fast; returns its path. */
export async function buildLoadedService(folder: string): Promise<string> {
  await build({
    root: fileURLToPath(new URL('../../', import.meta.url)),
    configFile: false,
    logLevel: 'silent',
    ssr: { noExternal: true },
    build: {
      ssr: 'test/fault/fixtures/loaded-service.ts',
      outDir: folder,
      emptyOutDir: false,
      rolldownOptions: { output: { entryFileNames: 'loaded-service.mjs', codeSplitting: false } },
    },
  });
  return join(folder, 'loaded-service.mjs');
}
