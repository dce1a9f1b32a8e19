import type { JSX } from 'preact';
import type { ScheduleRow } from '../../../lib/board/model/index.js';
import { Button } from '../parts/button.js';
import { DataTable } from '../parts/data-table.js';
import { Content, Screen } from '../parts/screen.js';
import { StateBadge } from '../parts/state-badge.js';
import { When } from '../parts/when.js';
import { useMay } from '../state/board.js';
import { useActions } from '../state/use-action.js';
import { useView } from '../state/use-view.js';
import { duration } from '../text/format.js';
import { visibleLine } from '../text/visible.js';

const REFRESH = 5_000;

/** The schedules with their last runs. */
export function Schedules(): JSX.Element {
  const loaded = useView('schedules', {}, REFRESH);
  return (
    <Screen title="Schedules">
      <Content loaded={loaded}>
        {({ rows }) => (
          <DataTable
            caption="Schedules"
            rows={rows}
            keyOf={({ name, stream }) => `${stream} ${name}`}
            empty="There are no schedules."
            columns={[
              { title: 'Schedule', cell: ({ name }) => visibleLine(name) },
              { title: 'State', cell: ({ paused }) => <StateBadge state={paused ? 'paused' : 'running'} /> },
              { title: 'Due', cell: (row) => visibleLine(dueText(row)) },
              {
                title: 'Next run',
                cell: ({ nextDueTime }) => (nextDueTime === undefined ? '–' : <When time={nextDueTime} />),
              },
              { title: 'Last run', cell: (row) => <LastRun row={row} /> },
              { title: 'Handler', cell: ({ handler }) => visibleLine(handler) },
              { title: 'Application', cell: ({ application }) => visibleLine(application) },
              { title: 'Commands', cell: (row) => <ScheduleCommands row={row} after={loaded.reload} /> },
            ]}
          />
        )}
      </Content>
    </Screen>
  );
}

function dueText({ at, cron, every, timeZone }: ScheduleRow): string {
  if (cron !== undefined) return `${cron}${timeZone === undefined ? '' : ` (${timeZone})`}`;
  if (every !== undefined) return `every ${duration(every)}`;
  return at === undefined ? '–' : `at ${at}`;
}

function LastRun({ row: { lastRun } }: { readonly row: ScheduleRow }): JSX.Element {
  if (lastRun === undefined) return <>–</>;
  const { attempt, endedAt, error, outcome, startedAt, trigger } = lastRun;
  return (
    <>
      <StateBadge state={outcome} /> <When time={startedAt} />, took{' '}
      {duration(Date.parse(endedAt) - Date.parse(startedAt))}, {visibleLine(trigger)}
      {attempt > 1 && `, attempt ${attempt}`}
      {error !== undefined && <span class="clamp">{visibleLine(error, 300)}</span>}
    </>
  );
}

function ScheduleCommands({
  row: { handler, name, paused },
  after,
}: {
  readonly row: ScheduleRow;
  readonly after: () => void;
}): JSX.Element {
  const may = useMay();
  const { askAndRun, isBusy, run } = useActions(after);
  return (
    <span class="commands">
      {!paused && may('pause-schedule') && (
        <Button
          label={`Pause schedule ${name}`}
          isBusy={isBusy}
          onClick={() => run('pause-schedule', { input: { name }, done: `Paused schedule ${name}.` })}
        >
          Pause
        </Button>
      )}
      {paused && may('resume-schedule') && (
        <Button
          label={`Resume schedule ${name}`}
          isBusy={isBusy}
          onClick={() => run('resume-schedule', { input: { name }, done: `Resumed schedule ${name}.` })}
        >
          Resume
        </Button>
      )}
      {may('run-schedule') && (
        <Button
          label={`Run now: schedule ${name}`}
          isBusy={isBusy}
          onClick={() =>
            askAndRun(
              'run-schedule',
              {
                title: `Run ${name} now?`,
                lines: [`${handler} is called once, in one instance, in addition to its due times.`],
                confirm: 'Run now',
              },
              () => ({ input: { name }, done: ({ id }) => `Started a run of ${name}: ${id}.` }),
            )
          }
        >
          Run now
        </Button>
      )}
    </span>
  );
}
