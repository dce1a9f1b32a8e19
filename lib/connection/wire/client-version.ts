import { createRequire } from 'node:module';
import { join } from 'node:path';

/** The version of the client, which servers show for a connection; `0.0.0` if it cannot be found out, as in a bundle. */
export function clientVersion(): string {
  const here = typeof __filename === 'string' ? __filename : join(process.cwd(), 'package.json');
  try {
    return (createRequire(here)('@nats-io/transport-node/package.json') as { readonly version: string })
      .version;
  } catch {
    return '0.0.0';
  }
}
