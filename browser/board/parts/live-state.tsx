import type { JSX } from 'preact';
import type { FeedState } from '../api/live-feed.js';
import { useFeed } from '../state/board.js';
import { visible, visibleLine } from '../text/visible.js';

const TEXTS: Readonly<Record<Exclude<FeedState, 'ended'>, string>> = {
  connecting: 'Connecting …',
  live: 'Live',
  polling: 'Updated every 5 s',
};

/** How the figures are updated. */
export function LiveState(): JSX.Element {
  const { problem, reason, state } = useFeed();
  return (
    <div class="live" role="status" aria-label="Updates">
      {state === 'ended' ? (
        <strong class="failure">{visible(reason)}</strong>
      ) : (
        <>
          <span class={state}>{TEXTS[state]}</span>
          {problem !== '' && <strong class="failure"> {visibleLine(problem)}</strong>}
        </>
      )}
    </div>
  );
}
