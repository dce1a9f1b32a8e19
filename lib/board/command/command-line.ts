import { parseArgs } from 'node:util';
import { errorText } from '../../reporting/index.js';

export const USAGE = `Usage: nestjs-nats-jetstream board [options]

Serves the board for a NATS server, on 127.0.0.1 only, until it is ended with Ctrl+C. The printed address works once.

  --server <address>      the server, also several times (default: NATS_URL, otherwise nats://127.0.0.1:4222)
  --creds <file>          a credentials file
  --user <name>           a user, whose password is in NATS_PASSWORD or --password-file
  --password-file <file>  the file with the password
  --token-file <file>     the file with a token (default: NATS_TOKEN)
  --tls-ca <file>         the certificate of the authority
  --tls-cert <file>       the certificate of the client
  --tls-key <file>        the key of the client
  --domain <name>         the JetStream domain
  --read-write            allows actions that change something
  --port <port>           the port of the page (default: any free one)
  --title <text>          the title of the page
  -h, --help              shows this text

Exit codes: 0: ended; 2: wrong usage, or the server cannot be reached.
`;

/** The arguments of the command. */
export interface BoardCommandLine {
  readonly servers: readonly string[];
  readonly creds: string | undefined;
  readonly user: string | undefined;
  readonly passwordFile: string | undefined;
  readonly tokenFile: string | undefined;
  readonly tls: {
    readonly caFile?: string;
    readonly certFile?: string;
    readonly keyFile?: string;
  };
  readonly domain: string | undefined;
  readonly readOnly: boolean;
  readonly port: number;
  readonly title: string | undefined;
}

/** The arguments cannot be understood. */
export class BoardUsageError extends Error {}

/**
 * Reads the arguments of the command.
 *
 * @param args the arguments behind `board`
 * @returns `undefined` if help is wanted
 * @throws {@link BoardUsageError}
 */
export function readBoardCommandLine(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): BoardCommandLine | undefined {
  const values = parse(args);
  if (values.help === true) return undefined;
  const { creds, user, domain, title } = values;
  if ((values['tls-cert'] === undefined) !== (values['tls-key'] === undefined))
    throw new BoardUsageError('--tls-cert and --tls-key belong together: name both files');
  if ([creds, user, values['token-file']].filter((value) => value !== undefined).length > 1)
    throw new BoardUsageError('use only one of --creds, --user and --token-file');
  if (user === undefined && values['password-file'] !== undefined)
    throw new BoardUsageError('--password-file needs --user');
  const servers = values.server ?? [env.NATS_URL || 'nats://127.0.0.1:4222'];
  if (servers.some((server) => server.trim() === ''))
    throw new BoardUsageError('--server must be the address of a server');
  return {
    servers,
    creds,
    user,
    passwordFile: values['password-file'],
    tokenFile: values['token-file'],
    tls: {
      ...(values['tls-ca'] !== undefined && { caFile: values['tls-ca'] }),
      ...(values['tls-cert'] !== undefined && { certFile: values['tls-cert'] }),
      ...(values['tls-key'] !== undefined && { keyFile: values['tls-key'] }),
    },
    domain,
    readOnly: values['read-write'] !== true,
    port: portOf(values.port ?? '0'),
    title,
  };
}

function portOf(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Infinity;
  if (port <= 65_535) return port;
  throw new BoardUsageError(`--port must be a number from 0 to 65535, not "${text}"`);
}

function parse(args: readonly string[]) {
  const file = { type: 'string' } as const;
  try {
    const { values } = parseArgs({
      args: [...args],
      allowPositionals: false,
      options: {
        server: { type: 'string', multiple: true },
        creds: file,
        user: { type: 'string' },
        'password-file': file,
        'token-file': file,
        'tls-ca': file,
        'tls-cert': file,
        'tls-key': file,
        domain: { type: 'string' },
        'read-write': { type: 'boolean' },
        port: { type: 'string' },
        title: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    return values;
  } catch (error) {
    throw new BoardUsageError(errorText(error));
  }
}
