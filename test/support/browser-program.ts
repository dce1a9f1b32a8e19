import { createReadStream, createWriteStream } from 'node:fs';
import { access, chmod, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress } from 'node:zlib';
import { runCommand } from '../compat/run-command.js';

/** A browser, and the environment in which it finds its libraries and fonts. */
export interface BrowserProgram {
  readonly program: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** Whether the package has a browser for this machine. */
export const HAS_BROWSER = process.platform === 'linux' && process.arch === 'x64';

/**
 * The Chromium of the package `@sparticuz/chromium`, which also has the libraries that small images lack. It is unpacked once
 * for each version, which needs neither root nor a network.
 */
export async function browserProgram(): Promise<BrowserProgram> {
  const root = dirname(dirname(dirname(createRequire(import.meta.url).resolve('@sparticuz/chromium'))));
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    readonly version: string;
  };
  const folder = join(tmpdir(), `nestjs-nats-jetstream-chromium-${version}-${process.getuid?.() ?? 0}`);
  await access(folder).catch(() => unpack(join(root, 'bin'), folder));
  return {
    program: join(folder, 'chromium'),
    environment: {
      PATH: process.env.PATH ?? '',
      LD_LIBRARY_PATH: join(folder, 'lib'),
      FONTCONFIG_PATH: folder,
    },
  };
}

/** Several test files may unpack it at the same time; the first one to end counts. */
async function unpack(from: string, to: string): Promise<void> {
  const folder = await mkdtemp(`${to}-`);
  const file = (name: string): Promise<void> =>
    pipeline(
      createReadStream(join(from, `${name}.br`)),
      createBrotliDecompress(),
      createWriteStream(join(folder, name)),
    );
  await Promise.all([file('chromium'), file('al2023.tar'), file('fonts.tar')]);
  await chmod(join(folder, 'chromium'), 0o700);
  for (const archive of ['al2023.tar', 'fonts.tar']) await runCommand('tar', ['-xf', archive], folder);
  await writeFile(join(folder, 'fonts.conf'), fontConfig(to));
  await rename(folder, to).catch(() => rm(folder, { recursive: true, force: true }));
}

function fontConfig(folder: string): string {
  return `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>${join(folder, 'fonts')}</dir>
  <cachedir>${join(folder, 'font-cache')}</cachedir>
</fontconfig>
`;
}
