import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Command, ProcessSettings, Report } from '../service/settings.js';

type Done = Report & { type: 'done' };

/** A process of a run. */
export class Child {
  /** How many messages were stored, if it is the driver. */
  stored = 0;
  private readonly child: ChildProcess;
  private readonly ended: Promise<string>;
  private readonly waiting = new Map<Command['type'], (done: Done) => void>();
  private readonly readiness: Promise<void>;
  private output = '';

  private constructor(
    script: URL,
    readonly settings: ProcessSettings,
  ) {
    const execArgv = ['--enable-source-maps'];
    this.child = fork(script, [JSON.stringify(settings)], {
      execArgv,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (text) => (this.output = (this.output + String(text)).slice(-20_000)));
    }
    this.ended = once(this.child, 'close').then(([code, signal]) => String(signal ?? code));
    this.readiness = new Promise((resolve) => {
      this.child.on('message', (report: Report) => {
        if (report.type === 'ready') resolve();
        else if (report.type === 'progress') this.stored = report.stored;
        else this.waiting.get(report.command)?.(report);
      });
    });
  }

  /** Starts a process and waits until it works. @throws Error if it ends before */
  static async start(script: URL, settings: ProcessSettings): Promise<Child> {
    const child = new Child(script, settings);
    await child.orEnd(child.readiness);
    return child;
  }

  get name(): string {
    return `${this.settings.role} ${this.settings.process}`;
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** The last text that it has printed. */
  get printed(): string {
    return this.output;
  }

  /** Sends a command and waits until it was carried out. @throws Error if the process ends before */
  async send(command: Command): Promise<Done> {
    const done = new Promise<Done>((resolve) => this.waiting.set(command.type, resolve));
    this.child.send(command);
    return this.orEnd(done);
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  /** Waits until it ends by itself, and kills it after that. @returns how it ended; `undefined` if it was killed */
  async end(timeout: number): Promise<string | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<undefined>(
      (resolve) => (timer = setTimeout(() => resolve(undefined), timeout)),
    );
    const how = await Promise.race([this.ended, tooLate]);
    clearTimeout(timer);
    if (how === undefined) await this.kill();
    return how;
  }

  private async orEnd<T>(result: Promise<T>): Promise<T> {
    return Promise.race([
      result,
      this.ended.then((how): never => {
        throw new Error(`${this.name} ended with ${how}:\n${this.output}`);
      }),
    ]);
  }
}
