import { execFile } from 'node:child_process';

export interface CommandOptions {
  /** The environment of the program, including `PATH`, in which it is searched. */
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** The timeout in milliseconds, default 60,000, after which the command is killed. */
  readonly timeout?: number;
}

/** Runs a program to its end and returns its stdout; rejects with the end of its stderr if it fails. */
export function runCommand(
  command: string,
  args: readonly string[],
  { env, cwd, timeout = 60_000 }: CommandOptions,
): Promise<string> {
  // The output of programs is parsed here, so its language must be fixed.
  const options = { env: { ...env, LC_ALL: 'C' }, cwd, timeout };
  return new Promise((resolve, reject) => {
    execFile(command, args, options, (error, stdout, stderr) => {
      if (error === null) {
        resolve(stdout);
        return;
      }
      const said = stderr.trim().split('\n').slice(-3).join('; ');
      reject(new Error(said === '' ? error.message : `${command}: ${said}`, { cause: error }));
    });
  });
}
