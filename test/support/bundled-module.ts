import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'vite';

const cache = fileURLToPath(new URL('../../node_modules/.bundled-tests', import.meta.url));

/** A TypeScript module, bundled with the used parts of this library into one JavaScript file that starts fast. */
export class BundledModule implements AsyncDisposable {
  private constructor(
    readonly url: URL,
    private readonly folder: string,
  ) {}

  static async of(source: URL): Promise<BundledModule> {
    const name = basename(source.pathname, '.ts');
    const outDir = join(cache, `${name}-${process.pid}`);
    await build({
      configFile: false,
      logLevel: 'warn',
      build: {
        ssr: fileURLToPath(source),
        outDir,
        minify: false,
        rollupOptions: { output: { entryFileNames: `${name}.mjs` } },
      },
    });
    return new BundledModule(pathToFileURL(join(outDir, `${name}.mjs`)), outDir);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true });
  }
}
