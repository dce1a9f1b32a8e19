import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { NatsServerChecksumError } from './errors.js';
import { runCommand } from './run-command.js';
import { newest } from './server-version.js';

const PROJECT = 'https://github.com/nats-io/nats-server';

/** The timeout for a response, in milliseconds: a machine without internet access continues after this time. */
const ANSWER_TIMEOUT = 3_000;
/** The timeout of a whole download, in milliseconds. */
const DOWNLOAD_TIMEOUT = 180_000;

/**
 * Downloads the release archive for this platform and unpacks it, if its checksum matches the release's `SHA256SUMS`.
 *
 * `NATS_SERVER_MIRROR` replaces `https://github.com/nats-io/nats-server`. A mirror needs
 * `releases/download/v<version>/SHA256SUMS` and the archive in the same folder, and, for requests without a full
 * version, git's list of tags, `info/refs`.
 *
 * @param requested - the version, or a prefix of it; without one, the newest
 * @param folder - where the archive is unpacked
 * @returns the program's path
 * @throws NatsServerChecksumError if the archive is not the released one
 */
export async function fetchOfficialRelease(
  requested: string | undefined,
  folder: string,
  env: NodeJS.ProcessEnv,
): Promise<string> {
  const download = downloader(env.NATS_SERVER_MIRROR || PROJECT);
  const version = await resolveVersion(requested, download);
  const release = `releases/download/v${version}`;
  const sums = await download(`${release}/SHA256SUMS`);
  const stem = `nats-server-v${version}-${platformName()}`;
  const { name, sum } = findArchive(sums.content.toString(), stem);

  const { url, content } = await download(`${release}/${name}`);
  const actual = createHash('sha256').update(content).digest('hex');
  if (actual !== sum) {
    throw new NatsServerChecksumError(url, sum, actual);
  }
  const file = join(folder, name);
  await writeFile(file, content);
  await runCommand(tarCommand(env), ['-xf', file, '-C', folder], { env });
  const program = process.platform === 'win32' ? 'nats-server.exe' : 'nats-server';
  return join(folder, stem, program);
}

type Download = (path: string) => Promise<{ url: string; content: Buffer }>;

async function resolveVersion(requested: string | undefined, download: Download): Promise<string> {
  if (requested !== undefined && requested.split('.').length === 3) {
    return requested;
  }
  const { url, content } = await download('info/refs?service=git-upload-pack');
  // Release candidates, and the peeled form of annotated tags, have a suffix after the three numbers.
  const versions = Array.from(
    content.toString().matchAll(/[ \t]refs\/tags\/v(\d+\.\d+\.\d+)$/gm),
    ([, version = '']) => version,
  );
  const version = newest(versions, requested);
  if (version === undefined) {
    throw new Error(`${url} lists no release ${requested ?? ''}`.trim());
  }
  return version;
}

function findArchive(sums: string, stem: string): { name: string; sum: string } {
  const name = `${stem}.${process.platform === 'win32' ? 'zip' : 'tar.gz'}`;
  for (const line of sums.split('\n')) {
    const [sum = '', file] = line.trim().split(/\s+\*?/);
    if (file === name) {
      return { name, sum: sum.toLowerCase() };
    }
  }
  throw new Error(`the release has no ${name}`);
}

function platformName(): string {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  const architectures: Partial<Record<NodeJS.Architecture, string>> = {
    x64: 'amd64',
    ia32: '386',
    arm: 'arm7',
    ppc64: 'ppc64le',
  };
  return `${system}-${architectures[process.arch] ?? process.arch}`;
}

/** Windows' own tar reads zip files; another tar before it on PATH may not. */
function tarCommand(env: NodeJS.ProcessEnv): string {
  return process.platform === 'win32' ? join(env.SystemRoot ?? 'C:\\Windows', 'System32', 'tar.exe') : 'tar';
}

/** Creates a downloader for paths below `base`. A user part of `base` is sent as the request's credentials. */
function downloader(base: string): Download {
  const { origin, pathname, username, password } = new URL(base);
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const headers: Record<string, string> =
    username === '' ? {} : { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
  return async (path) => {
    const url = `${origin}${pathname.replace(/\/+$/, '')}/${path}`;
    return { url, content: await get(url, headers) };
  };
}

async function get(url: string, headers: Record<string, string>): Promise<Buffer> {
  const abort = new AbortController();
  const abortAfter = (ms: number, reason: string) =>
    setTimeout(() => abort.abort(new Error(`${reason} within ${ms} ms`)), ms);
  const answer = abortAfter(ANSWER_TIMEOUT, 'did not answer');
  const whole = abortAfter(DOWNLOAD_TIMEOUT, 'was not downloaded');
  try {
    const response = await fetch(url, { headers, signal: abort.signal });
    clearTimeout(answer);
    if (!response.ok) {
      throw new Error(`answered ${response.status}`);
    }
    return Buffer.from(await response.arrayBuffer());
  } catch (error) {
    // The error of fetch is only 'fetch failed'; the reason is in its cause.
    const reason = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new Error(`${url}: ${reason instanceof Error ? reason.message : String(reason)}`, { cause: error });
  } finally {
    clearTimeout(answer);
    clearTimeout(whole);
  }
}
