import { existsSync } from 'node:fs';
import { cp } from 'node:fs/promises';
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
 * @param lender a checkout that has the suite, if the other one is too old to have it
 */
export async function suiteOfBuild(folder: string, name: string, lender = folder): Promise<BuiltSuite> {
  let suites = join(folder, 'bench/dist');
  if (!existsSync(join(suites, 'suites', `${name}.js`)) && lender !== folder)
    suites = await lend(lender, folder);
  const load = (file: string): Promise<unknown> => {
    const path = join(suites, file);
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

/** Copies the benchmarks of one checkout into another, where they import the package of that one. */
async function lend(lender: string, folder: string): Promise<string> {
  const copy = join(folder, 'bench/dist/lent');
  await cp(join(lender, 'bench/dist'), copy, {
    recursive: true,
    filter: (source) => !source.endsWith('lent'),
  });
  return copy;
}
