import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';
import { BundledModule } from '../../support/bundled-module.js';

/** One place in the library that is replaced in a build, so that it has a bug. */
export interface Patch {
  /** The file, relative to `lib`. */
  readonly file: string;
  readonly replace: string;
  readonly by: string;
}

const lib = fileURLToPath(new URL('../../../lib/', import.meta.url));

/**
 * Bundles the program of the processes of a run, with the library.
 *
 * @throws Error if the place of a patch is not in the library exactly once
 */
export async function buildProcess(patch?: Patch): Promise<BundledModule> {
  const source = new URL('../service/main.ts', import.meta.url);
  if (patch === undefined) return BundledModule.of(source);
  const patching = new Patching(patch);
  const built = await BundledModule.of(source, [patching.plugin]);
  if (patching.count === 1) return built;
  await built[Symbol.asyncDispose]();
  throw new Error(`lib/${patch.file} contains the patched place ${patching.count} times: ${patch.replace}`);
}

class Patching {
  readonly plugin: Plugin;
  /** How often the place was found. */
  count = 0;

  constructor({ file, replace, by }: Patch) {
    this.plugin = {
      name: 'planted-bug',
      enforce: 'pre',
      transform: (code, id) => {
        if (id !== lib + file) return null;
        const parts = code.split(replace);
        this.count += parts.length - 1;
        return { code: parts.join(by), map: null };
      },
    };
  }
}
