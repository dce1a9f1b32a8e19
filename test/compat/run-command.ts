import { spawn } from 'node:child_process';

/**
 * Runs a command to its end.
 *
 * @returns its output on both streams
 * @throws Error with its output if it fails
 */
export function runCommand(command: string, args: readonly string[], cwd: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    const output: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => output.push(chunk));
    child.once('error', reject);
    child.once('close', (code, signal) => {
      const text = Buffer.concat(output).toString('utf8');
      if (code === 0) resolve(text);
      else
        reject(
          new Error(`${command} ${args.join(' ')} in ${cwd}: ${signal ?? `exit code ${code}`}\n${text}`),
        );
    });
  });
}
