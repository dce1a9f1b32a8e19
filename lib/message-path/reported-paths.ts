import { Timer } from '../timing/index.js';
import type { ServerReport } from './server-report.js';

/** How long the reports of the other servers on a path are waited for, in milliseconds. */
const LONGEST_WAIT = 2_000;
/** How many paths are waited for at the same time. */
const MOST_PATHS = 1_000;

interface Path {
  readonly reports: Map<string, ServerReport>;
  readonly timer: Timer;
}

/**
 * Collects the reports about each message, which its servers send independently of each other, and passes them on in the
 * order of the path: when all are there, or after two seconds those that are.
 */
export class ReportedPaths {
  private readonly paths = new Map<string, Path>();

  /** @param onPath gets the reports about one message; must not throw */
  constructor(private readonly onPath: (reports: readonly ServerReport[]) => void) {}

  /** @param key identifies the message */
  add(key: string, report: ServerReport): void {
    // Messages of one batch have one key.
    if (this.paths.get(key)?.reports.has(report.hop)) this.end(key);
    const { reports } = this.paths.get(key) ?? this.begin(key);
    reports.set(report.hop, report);
    if (isComplete(reports)) this.end(key);
  }

  /** Passes on what has arrived. */
  flush(): void {
    for (const key of this.paths.keys()) this.end(key);
  }

  private begin(key: string): Path {
    if (this.paths.size >= MOST_PATHS)
      for (const oldest of this.paths.keys()) return this.replace(oldest, key);
    const timer = new Timer(LONGEST_WAIT, () => this.end(key), { keepsAlive: false });
    const path = { reports: new Map<string, ServerReport>(), timer };
    this.paths.set(key, path);
    return path;
  }

  private replace(oldest: string, key: string): Path {
    this.end(oldest);
    return this.begin(key);
  }

  private end(key: string): void {
    const path = this.paths.get(key);
    if (path === undefined) return;
    this.paths.delete(key);
    path.timer.cancel();
    // A server has a longer hop than those before it.
    this.onPath([...path.reports.values()].toSorted((a, b) => a.hop.length - b.hop.length));
  }
}

/** Whether the first server has reported, and as many others as all of them have passed the message on to. */
function isComplete(reports: ReadonlyMap<string, ServerReport>): boolean {
  if (!reports.has('')) return false;
  let expected = 1;
  for (const { hops } of reports.values()) expected += hops;
  return reports.size >= expected;
}
