import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { Facts } from '../../parts/facts.js';
import { Content, Screen } from '../../parts/screen.js';
import { StateBadge } from '../../parts/state-badge.js';
import { TextBlock } from '../../parts/text-block.js';
import { When } from '../../parts/when.js';
import { useBoard, useFeed, useLink } from '../../state/board.js';
import type { Route } from '../../state/route.js';
import { goTo } from '../../state/use-route.js';
import { useView } from '../../state/use-view.js';
import { count } from '../../text/format.js';
import { visibleLine } from '../../text/visible.js';
import { DeadLetterTable } from './dead-letter-table.js';
import { JobCommands } from './job-commands.js';
import { JobProgress } from './job-progress.js';
import { jobName } from './jobs.js';
import { selectionText } from './selection.js';

/** A job with what it found. */
export function Job({ route: { path } }: { readonly route: Route }): JSX.Element {
  const { connection } = useBoard();
  const { jobs } = useFeed();
  const link = useLink();
  const [, id = ''] = path;
  const loaded = useView('job', { connection, id });
  const live = JSON.stringify(jobs?.rows.find((job) => job.id === id));
  // The rows of the event stream show that it changed; what it found is only in its own view.
  useEffect(() => {
    if (loaded.data !== undefined) loaded.reload();
  }, [live]);
  const list = link(['dead-letters']);
  return (
    <Screen title={`Job ${id}`} up={{ title: 'Dead letters', href: list }}>
      <Content loaded={loaded}>
        {(job) => (
          <>
            <Facts
              facts={[
                ['Work', visibleLine(jobName(job))],
                ['On', visibleLine(selectionText(job.selection))],
                ['State', <StateBadge state={job.state} />],
                ['Progress', <JobProgress job={job} />],
                ['Done', count(job.done)],
                ['Failed', count(job.failed)],
                ['Rate', job.rate === undefined ? 'no limit' : `at most ${count(job.rate)} per second`],
                ['Position', `${job.position} of ${job.until}`],
                ['Started', <When time={job.startedAt} />],
                ['Ended', job.endedAt === undefined ? undefined : <When time={job.endedAt} />],
                ['By', job.by === undefined ? undefined : visibleLine(job.by)],
                ['Instance', job.instance === undefined ? undefined : visibleLine(job.instance)],
              ]}
            />
            <p>
              <JobCommands job={job} after={() => goTo(list)} />
            </p>
            {job.lastError !== undefined && (
              <section>
                <h2>Last error</h2>
                <TextBlock label="Last error" text={job.lastError} />
              </section>
            )}
            {job.kind === 'search' && (
              <DeadLetterTable
                caption="Found, newest first"
                rows={job.found ?? []}
                empty={job.state === 'running' ? 'None so far.' : 'The text was not found.'}
                after={loaded.reload}
              />
            )}
          </>
        )}
      </Content>
    </Screen>
  );
}
