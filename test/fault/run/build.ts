import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { build, type Plugin } from 'vite';

/** One place in the library that is replaced in a build, so that it has a bug. */
export interface Patch {
  /** The file, relative to `lib`. */
  readonly file: string;
  readonly replace: string;
  readonly by: string;
}

const repository = join(fileURLToPath(import.meta.url), '../../../..');

/**
 * Bundles the program of the processes of a run, with the library, into one file, which starts three times as fast; returns its
 * path.
 *
 * @throws Error if the place of a patch is not in the library exactly once
 */
export async function buildProcess(folder: string, patch?: Patch): Promise<string> {
  const patching = patch === undefined ? undefined : new Patching(patch);
  await build({
    root: repository,
    configFile: false,
    logLevel: 'silent',
    plugins: patching ? [patching.plugin] : [],
    resolve: {
      alias: [
        { find: /^nestjs-nats-jetstream$/, replacement: join(repository, 'lib/index.ts') },
        { find: /^nestjs-nats-jetstream\/(.+)$/, replacement: join(repository, 'lib/$1/index.ts') },
      ],
    },
    ssr: { noExternal: true },
    build: {
      ssr: 'test/fault/service/main.ts',
      outDir: folder,
      emptyOutDir: false,
      minify: false,
      rolldownOptions: { output: { entryFileNames: 'process.mjs', codeSplitting: false } },
    },
  });
  patching?.check();
  return join(folder, 'process.mjs');
}

class Patching {
  readonly plugin: Plugin;
  private count = 0;

  constructor(private readonly patch: Patch) {
    const file = join(repository, 'lib', patch.file);
    this.plugin = {
      name: 'planted-bug',
      enforce: 'pre',
      transform: (code, id) => {
        if (id !== file) return null;
        const parts = code.split(patch.replace);
        this.count += parts.length - 1;
        return { code: parts.join(patch.by), map: null };
      },
    };
  }

  check(): void {
    const { file, replace } = this.patch;
    if (this.count !== 1)
      throw new Error(`lib/${file} contains the patched place ${this.count} times: ${replace}`);
  }
}
