import type { JSX } from 'preact';
import type { JobRow } from '../../../../lib/board/model/index.js';
import { Button } from '../../parts/button.js';
import { useBoard, useMayWithJob } from '../../state/board.js';
import { useActions } from '../../state/use-action.js';

/** Stops, continues or removes a job. */
export function JobCommands({
  job,
  after,
}: {
  readonly job: JobRow;
  /** Is called when the job was removed. */
  readonly after?: () => void;
}): JSX.Element {
  const { connection } = useBoard();
  const may = useMayWithJob();
  const { isBusy, run } = useActions();
  const { id, kind, rate, state } = job;
  const name = `the ${kind} job ${id}`;
  const isRunning = state === 'running';
  const canContinue = state === 'stopped' || state === 'interrupted' || state === 'failed';
  const remove = async (): Promise<void> => {
    const removed = await run('remove-job', { input: { connection, id }, done: `Removed ${name}.` });
    if (removed !== undefined) after?.();
  };
  return (
    <span class="commands">
      {isRunning && may('stop-job', job) && (
        <Button
          label={`Stop ${name}`}
          isBusy={isBusy}
          onClick={() => run('stop-job', { input: { connection, id }, done: `Stopped ${name}.` })}
        >
          Stop
        </Button>
      )}
      {canContinue && may('continue-job', job) && (
        <Button
          label={`Continue ${name}`}
          isBusy={isBusy}
          onClick={() => run('continue-job', { input: { connection, id, rate }, done: `Continued ${name}.` })}
        >
          Continue
        </Button>
      )}
      {!isRunning && may('remove-job', job) && (
        <Button label={`Remove ${name}`} isBusy={isBusy} onClick={remove}>
          Remove
        </Button>
      )}
    </span>
  );
}
