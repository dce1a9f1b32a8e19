/** The number of kinds that are distinguished; further kinds share one. */
const MOST_KINDS = 100;
/** The shared kind of reports that are not distinguished any more. */
const OTHERS = '';

/** Options of a {@link ReportLimiter}. */
export interface ReportLimiterOptions {
  /** The minimum time between two reports of one kind, in milliseconds. Default 60,000. */
  readonly interval?: number;
}

interface Kind {
  reportedAt: number;
  heldBack: number;
}

/**
 * Allows one report of each kind per interval and counts the others, so that an error that occurs a thousand times a
 * second fills neither the log nor the memory.
 */
export class ReportLimiter {
  private readonly interval: number;
  private readonly kinds = new Map<string, Kind>();

  constructor({ interval = 60_000 }: ReportLimiterOptions = {}) {
    this.interval = interval;
  }

  /**
   * Checks whether a report of this kind may be made now.
   *
   * @returns `undefined` if it is held back; otherwise the number of reports of its kind that were held back since the
   * last one
   */
  admit(kind: string): number | undefined {
    const now = performance.now();
    if (this.kinds.size >= MOST_KINDS && !this.kinds.has(kind)) this.forgetOldKinds(now);
    const name = this.kinds.has(kind) || this.kinds.size < MOST_KINDS ? kind : OTHERS;
    const known = this.kinds.get(name);
    if (known === undefined) {
      this.kinds.set(name, { reportedAt: now, heldBack: 0 });
      return 0;
    }
    if (now - known.reportedAt < this.interval) {
      known.heldBack++;
      return undefined;
    }
    const { heldBack } = known;
    known.reportedAt = now;
    known.heldBack = 0;
    return heldBack;
  }

  private forgetOldKinds(now: number): void {
    for (const [kind, { reportedAt }] of this.kinds) {
      if (now - reportedAt >= this.interval) this.kinds.delete(kind);
    }
  }
}

/** The text about earlier reports of the same kind that were held back; empty if there were none. */
export function heldBackText(heldBack: number): string {
  return heldBack === 0 ? '' : ` (${heldBack} more of this kind were not logged)`;
}
