import type { DueTimes } from '../expression/index.js';
import type { ScheduleCatchUp } from '../options/index.js';
import type { Gap } from '../storage/index.js';

/** The time in which no instance was connected, and in which a due time lies; `undefined` if there is none. */
export function gapAround(due: number, gaps: readonly Gap[]): Gap | undefined {
  return gaps.find(({ from, to }) => due > from && due <= to);
}

/**
 * Whether a due time was missed and is left out: with `none` each missed one is, with `one` all except the last one of a
 * gap. Both engines, and each instance that receives a run, decide by this rule.
 */
export function isLeftOut(
  due: number,
  times: DueTimes,
  gaps: readonly Gap[],
  catchUp: ScheduleCatchUp,
): boolean {
  const gap = gapAround(due, gaps);
  if (gap === undefined) return false;
  if (catchUp === 'none') return true;
  const next = times.next(due);
  return next !== undefined && next <= gap.to;
}
