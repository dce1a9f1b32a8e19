import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { Socket } from 'node:net';

/** How long a server may take to shut down before it is killed, in milliseconds. */
const SHUTDOWN_TIMEOUT = 10_000;

/**
 * Starts a watcher and then becomes the server. The watcher reads from a pipe whose other end only the starting process
 * has. When that process has ended for any reason, the watcher kills the server, even if it is stopped, and
 * removes the server's folder. A line on the pipe ends the watcher.
 */
const SUPERVISED = `
(read _ <&3 || { kill -KILL $$; sleep 1; rm -rf -- "$0"; }) >/dev/null 2>&1 &
exec "$@" 3<&-
`;

export interface ServerProcessOptions {
  readonly binary: string;
  readonly args: readonly string[];
  /** Removed if this process ends without having stopped the server. */
  readonly folder: string;
  /** The log is appended to it. */
  readonly logFile: string;
}

/** One run of a nats-server, which does not outlive the process that started it. */
export class ServerProcess {
  /** Resolves when the server has ended, with the reason. */
  readonly exited: Promise<string>;
  private readonly child: ChildProcess;
  private ended = false;

  constructor(options: ServerProcessOptions) {
    this.child = spawnServer(options);
    const lifeline = this.child.stdio[3];
    const killOnExit = () => this.child.kill('SIGKILL');
    if (process.platform === 'win32') {
      process.once('exit', killOnExit);
    }
    this.exited = new Promise((resolve) => {
      const end = (how: string) => {
        this.ended = true;
        process.off('exit', killOnExit);
        if (lifeline instanceof Socket) {
          lifeline.end('\n');
        }
        resolve(how);
      };
      this.child.once('error', (error) => end(error.message));
      this.child.once('exit', (code, signal) => end(signal ?? `exit code ${code}`));
    });
    // A server that a test does not stop must not keep the test's process alive.
    this.child.unref();
    if (lifeline instanceof Socket) {
      lifeline.on('error', () => undefined).unref();
    }
  }

  get pid(): number | undefined {
    return this.ended ? undefined : this.child.pid;
  }

  /** Sends a signal. @throws Error if the server is not running */
  signal(signal: NodeJS.Signals): void {
    if (this.ended || !this.child.kill(signal)) {
      throw new Error(`nats-server is not running: ${signal} cannot be sent to it`);
    }
  }

  /** Asks the server to shut down and waits until it has ended; does nothing if it is not running. */
  async terminate(): Promise<void> {
    if (!this.ended) {
      this.child.kill('SIGTERM');
      // A paused server receives the signal only when it is resumed.
      this.child.kill('SIGCONT');
      const timer = setTimeout(() => this.child.kill('SIGKILL'), SHUTDOWN_TIMEOUT);
      await this.waitForExit();
      clearTimeout(timer);
    }
  }

  /** Kills the server and waits until it has ended; does nothing if it is not running. */
  async kill(): Promise<void> {
    if (!this.ended) {
      this.child.kill('SIGKILL');
      await this.waitForExit();
    }
  }

  private async waitForExit(): Promise<void> {
    this.child.ref();
    await this.exited;
  }
}

function spawnServer({ binary, args, folder, logFile }: ServerProcessOptions): ChildProcess {
  const log = openSync(logFile, 'a');
  try {
    if (process.platform === 'win32') {
      return spawn(binary, args, { stdio: ['ignore', log, log] });
    }
    return spawn('/bin/sh', ['-c', SUPERVISED, folder, binary, ...args], {
      stdio: ['ignore', log, log, 'pipe'],
      // In its own process group, so that Ctrl-C reaches only the application, which may need the server for its
      // shutdown.
      detached: true,
    });
  } finally {
    closeSync(log);
  }
}
