import type { JSX } from 'preact';
import type { JobRow } from '../../../../lib/board/model/index.js';
import { count } from '../../text/format.js';

/** How much of a job is finished. The total is an upper bound, so an ended job may have read fewer. */
export function JobProgress({ job: { kind, read, state, total } }: { readonly job: JobRow }): JSX.Element {
  const isDone = state === 'done';
  return (
    <span class="progress">
      <progress
        aria-label={`Progress of the ${kind}`}
        max={1}
        value={isDone || total === 0 ? 1 : Math.min(1, read / total)}
      />{' '}
      {count(read)} read{!isDone && ` of at most ${count(total)}`}
    </span>
  );
}
