import type { JSX } from 'preact';
import type { JobRow } from '../../../../lib/board/model/index.js';
import { DataTable } from '../../parts/data-table.js';
import { StateBadge } from '../../parts/state-badge.js';
import { When } from '../../parts/when.js';
import { useFeed, useLink } from '../../state/board.js';
import { count } from '../../text/format.js';
import { visibleLine } from '../../text/visible.js';
import { JobCommands } from './job-commands.js';
import { JobProgress } from './job-progress.js';

/** The jobs, live. */
export function Jobs(): JSX.Element {
  const { jobs } = useFeed();
  const link = useLink();
  return (
    <section>
      <h2>Jobs</h2>
      {jobs === undefined ? (
        <p class="quiet">Loading …</p>
      ) : (
        <DataTable
          caption="Jobs, newest first"
          rows={jobs.rows}
          keyOf={({ id }) => id}
          empty="There are no jobs."
          columns={[
            {
              title: 'Job',
              cell: (job) => <a href={link(['jobs', job.id])}>{visibleLine(jobName(job), 100)}</a>,
            },
            { title: 'State', cell: ({ state }) => <StateBadge state={state} /> },
            { title: 'Progress', cell: (job) => <JobProgress job={job} /> },
            { title: 'Done', isNumber: true, cell: ({ done }) => count(done) },
            { title: 'Failed', isNumber: true, cell: ({ failed }) => count(failed) },
            { title: 'Started', cell: ({ startedAt }) => <When time={startedAt} /> },
            { title: 'By', cell: ({ by }) => visibleLine(by ?? '–', 100) },
            { title: 'Commands', cell: (job) => <JobCommands job={job} /> },
          ]}
        />
      )}
    </section>
  );
}

/** What a job does. */
export function jobName({ kind, text = '', to }: JobRow): string {
  switch (kind) {
    case 'search':
      return `search for "${text}"`;
    case 'drop':
      return 'drop';
    default:
      return to === 'handler' ? 'replay to handler' : 'replay';
  }
}
