import { runCommand } from './run-command.js';
import { versionIn } from './server-version.js';

/**
 * Runs a nats-server to get its version.
 *
 * @throws Error if it does not run, or its output is unexpected
 */
export async function binaryVersion(path: string, env: NodeJS.ProcessEnv): Promise<string> {
  const output = await runCommand(path, ['--version'], { env, timeout: 10_000 });
  const version = /nats-server/.test(output) ? versionIn(output) : undefined;
  if (version === undefined) {
    throw new Error(`${path} --version printed '${output.trim()}'`);
  }
  return version;
}
