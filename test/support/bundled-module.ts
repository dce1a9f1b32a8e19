import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Plugin } from 'vite';

const cache = fileURLToPath(new URL('../../node_modules/.bundled-tests', import.meta.url));
const lib = fileURLToPath(new URL('../../lib/', import.meta.url));
let serial = 0;

/** A TypeScript module, bundled with the used parts of this library into one JavaScript file that starts fast. */
export class BundledModule implements AsyncDisposable {
  private constructor(
    readonly url: URL,
    private readonly folder: string,
  ) {}

  /**
   * @param plugins may change the library, to test that a bug is found
   * @param isComplete whether the packages that it uses are bundled too: it starts three times as fast then, but the build
   * takes longer. Not possible if a package loads another one by its name while it runs
   */
  static async of(source: URL, plugins: Plugin[] = [], isComplete = false): Promise<BundledModule> {
    const name = basename(source.pathname, '.ts');
    const outDir = join(cache, `${name}-${process.pid}-${++serial}`);
    await build({
      configFile: false,
      logLevel: 'warn',
      plugins,
      resolve: {
        alias: [
          { find: /^nestjs-nats-jetstream$/, replacement: `${lib}index.ts` },
          { find: /^nestjs-nats-jetstream\/(.+)$/, replacement: `${lib}$1/index.ts` },
        ],
      },
      ...(isComplete && { ssr: { noExternal: true } }),
      build: {
        ssr: fileURLToPath(source),
        outDir,
        minify: false,
        rolldownOptions: {
          output: { entryFileNames: `${name}.mjs`, ...(isComplete && { codeSplitting: false }) },
        },
      },
    });
    return new BundledModule(pathToFileURL(join(outDir, `${name}.mjs`)), outDir);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true });
  }
}
