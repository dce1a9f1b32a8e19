import { createRequire } from 'node:module';
import { join } from 'node:path';

/** The version of a package that is installed for this library; `undefined` if it is unknown, as in a bundle. */
export function installedVersion(name: string): string | undefined {
  const here = typeof __filename === 'string' ? __filename : join(process.cwd(), 'package.json');
  try {
    return (createRequire(here)(`${name}/package.json`) as { readonly version: string }).version;
  } catch {
    return undefined;
  }
}
