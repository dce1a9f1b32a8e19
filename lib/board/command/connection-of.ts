import { readFile } from 'node:fs/promises';
import { credsAuthenticator } from '@nats-io/transport-node';
import type { ConnectionOptions } from '../../connection/index.js';
import { errorText } from '../../reporting/index.js';
import { type BoardCommandLine, BoardUsageError } from './command-line.js';

/**
 * The connection that the arguments describe. Passwords and tokens are in files or the environment, because other users of
 * the machine can see the arguments of a process.
 *
 * @throws {@link BoardUsageError} if a file cannot be read
 */
export async function connectionOf(
  line: BoardCommandLine,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ConnectionOptions> {
  const { servers, creds, user, passwordFile, tokenFile, tls } = line;
  const token =
    tokenFile !== undefined
      ? await secretIn(tokenFile)
      : creds === undefined && user === undefined
        ? env.NATS_TOKEN
        : undefined;
  const pass = passwordFile === undefined ? env.NATS_PASSWORD : await secretIn(passwordFile);
  for (const file of Object.values(tls)) await contentOf(file);
  return {
    servers: servers.flatMap((each) => each.split(',').map((server) => server.trim())),
    name: 'nestjs-nats-jetstream board',
    // A server that is missing now is a mistake; one that is lost later is waited for.
    waitOnFirstConnect: false,
    ...(creds !== undefined && { authenticator: credsAuthenticator(await contentOf(creds)) }),
    ...(user !== undefined && { user, ...(pass !== undefined && { pass }) }),
    ...(token !== undefined && token !== '' && { token }),
    ...(Object.keys(tls).length > 0 && { tls }),
  };
}

async function secretIn(file: string): Promise<string> {
  return new TextDecoder().decode(await contentOf(file)).trim();
}

async function contentOf(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new BoardUsageError(`"${file}" cannot be read: ${errorText(error)}`);
  }
}
