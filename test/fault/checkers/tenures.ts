import { grouped } from '../model/grouped.js';
import type { History } from '../model/history.js';
import type { Act, Noted } from '../model/notes.js';
import type { Violation } from './violation.js';

/** The first and the last act under one fencing token. */
interface Tenure {
  readonly first: Noted<Act>;
  readonly last: Noted<Act>;
}

/**
 * At most one holder of a lock and one leader: the acts under one fencing token are those of one process, and they all precede
 * the acts under a greater one. So a resource that refuses a smaller token than it has seen never refuses a holder that checks
 * its lock before it acts.
 */
export function checkTenures(history: History): Violation[] {
  const violations: Violation[] = [];
  for (const [resource, acts] of grouped(history.notesOf('act'), (act) => act.resource)) {
    const report = (text: string, ...fences: number[]): void => {
      const promise = resource.startsWith('leader') ? 'one leader' : 'one holder';
      violations.push({ promise, text: `${resource}: ${text}`, about: { resource, fences } });
    };
    const tenures: Tenure[] = [];
    for (const [fence, own] of [...grouped(acts, (act) => act.fence)].toSorted(([a], [b]) => a - b)) {
      const sorted = own.toSorted((a, b) => a.at - b.at);
      const others = new Set(sorted.map(({ process }) => process));
      if (others.size > 1)
        report(`processes ${[...others].join(' and ')} have the same fence ${fence}`, fence);
      tenures.push({ first: sorted[0], last: sorted[sorted.length - 1] });
    }
    let latest: Tenure | undefined;
    for (const tenure of tenures) {
      if (latest && latest.last.at > tenure.first.at) {
        const overlap = (latest.last.at - tenure.first.at).toFixed(1);
        report(
          `process ${latest.last.process} acts with fence ${latest.last.fence}, ${overlap} ms after process ` +
            `${tenure.first.process} acted with fence ${tenure.first.fence}`,
          latest.last.fence,
          tenure.first.fence,
        );
      }
      if (!latest || tenure.last.at > latest.last.at) latest = tenure;
    }
  }
  return violations;
}
