import type { JSX } from 'preact';

const GOOD = new Set(['running', 'done', 'succeeded', 'live']);
const BAD = new Set(['failed', 'circuit open', 'not connected', 'interrupted', 'ended']);

/** A state as a word; the color only repeats it. */
export function StateBadge({
  state,
  count,
}: {
  readonly state: string;
  readonly count?: number;
}): JSX.Element {
  const kind = GOOD.has(state) ? 'good' : BAD.has(state) ? 'bad' : 'other';
  return (
    <span class={`badge ${kind}`}>
      {state}
      {count !== undefined && count > 1 && ` × ${count}`}
    </span>
  );
}
