import type { JSX } from 'preact';
import { localTime } from '../text/format.js';
import { visibleLine } from '../text/visible.js';

/** A time; the time zone is that of the browser. */
export function When({ time }: { readonly time: string }): JSX.Element {
  return (
    <time dateTime={time} class="when">
      {visibleLine(localTime(time))}
    </time>
  );
}
