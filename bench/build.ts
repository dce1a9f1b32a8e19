import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { openBench } from './environment.js';
import type { Comparison, Suite } from './suite.js';

/** A suite of one build of this library, with the package and the benchmarks of that build. */
export interface BuiltSuite {
  readonly suite: Suite;
  /** Opens the suite on a server of its own. */
  open(): Promise<Comparison & { readonly url: string }>;
}

/**
 * Loads a suite from a checkout whose package and benchmarks are built: two builds in one process are two sets of modules,
 * which share nothing.
 *
 * @param folder the checkout
 */
export async function suiteOfBuild(folder: string, name: string): Promise<BuiltSuite> {
  const load = (file: string): Promise<unknown> => {
    const path = join(folder, 'bench/dist', file);
    if (!existsSync(path))
      throw new Error(`There is no ${path}. Run "npm ci && npm run prebench" in ${folder}.`);
    return import(pathToFileURL(path).href);
  };
  const { default: suite } = (await load(`suites/${name}.js`)) as { readonly default: Suite };
  const environment = (await load('environment.js')) as { readonly openBench: typeof openBench };
  return {
    suite,
    open: async () => {
      const bench = await environment.openBench();
      try {
        const comparison = await suite.open(bench);
        const close = async (): Promise<void> => {
          await comparison.close();
          await bench.close();
        };
        return { ...comparison, url: bench.url, close };
      } catch (error) {
        await bench.close();
        throw error;
      }
    },
  };
}
