import type { JSX } from 'preact';
import { visible } from '../text/visible.js';

/** The configuration of a stream or consumer. */
export function Configuration({
  config,
}: {
  readonly config: Readonly<Record<string, unknown>>;
}): JSX.Element {
  return (
    <details>
      <summary>Configuration</summary>
      <pre tabIndex={0} role="group" aria-label="Configuration">
        {visible(JSON.stringify(config, undefined, 2))}
      </pre>
    </details>
  );
}
