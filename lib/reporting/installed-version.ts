import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The version of a package that is installed for this library; `undefined` if it is unknown, as in a bundle. */
export function installedVersion(name: string): string | undefined {
  try {
    return (createRequire(ownFile())(`${name}/package.json`) as { readonly version: string }).version;
  } catch {
    return undefined;
  }
}

/**
 * The folder of an optional package: one that is installed for this library, or for the application; `undefined` if there
 * is none.
 */
export function installedFolder(name: string): string | undefined {
  for (const place of [ownFile(), applicationFile()]) {
    try {
      return dirname(createRequire(place).resolve(`${name}/package.json`));
    } catch {
      // The next place may have it.
    }
  }
  return undefined;
}

/** A file of this library, which is compiled to CommonJS; in an ES module bundle, a file of the application. */
function ownFile(): string {
  return typeof __filename === 'string' ? __filename : applicationFile();
}

function applicationFile(): string {
  return join(process.cwd(), 'package.json');
}
