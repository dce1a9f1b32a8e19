import { execFile } from 'node:child_process';

export interface CommandOptions {
  /** Where the program is looked for (`PATH`), and what it sees. */
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** In milliseconds, default 60,000: then the command is killed. */
  readonly timeout?: number;
}

/** Runs a program to its end and gives what it wrote to stdout; rejects with the end of its stderr when it fails. */
export function runCommand(
  command: string,
  args: readonly string[],
  { env, cwd, timeout = 60_000 }: CommandOptions,
): Promise<string> {
  // What programs say is read here, so it must come in no other language.
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
