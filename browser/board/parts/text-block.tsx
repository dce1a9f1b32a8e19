import type { JSX } from 'preact';
import { visible } from '../text/visible.js';

/** Text from a server in several lines, such as a stack. */
export function TextBlock({ label, text }: { readonly label: string; readonly text: string }): JSX.Element {
  return (
    <pre tabIndex={0} role="group" aria-label={label}>
      {visible(text)}
    </pre>
  );
}
