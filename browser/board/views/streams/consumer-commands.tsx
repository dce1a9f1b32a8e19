import type { JSX } from 'preact';
import type { ConsumerRow } from '../../../../lib/board/model/index.js';
import { Button } from '../../parts/button.js';
import { useBoard, useMay } from '../../state/board.js';
import { useActions } from '../../state/use-action.js';
import { inputOfIso, isoOfInput, localTime } from '../../text/format.js';

const HOUR = 3_600_000;

/** Pauses and resumes a consumer on the server. */
export function ConsumerCommands({
  consumer: { name, pausedUntil, stream },
  after,
}: {
  readonly consumer: ConsumerRow;
  readonly after: () => void;
}): JSX.Element {
  const { connection } = useBoard();
  const may = useMay();
  const { askAndRun, isBusy, run } = useActions(after);
  const pause = (): unknown =>
    askAndRun(
      'pause-consumer',
      {
        title: `Pause consumer ${name}?`,
        lines: [
          `The server delivers nothing from ${stream} to ${name}, to any instance, until the time below. Deployments do not change that.`,
        ],
        confirm: 'Pause',
        isDangerous: true,
        field: { label: 'Until', value: inputOfIso(new Date(Date.now() + HOUR).toISOString()) },
      },
      (value) => ({
        input: { connection, stream, consumer: name, until: isoOfInput(value) ?? value },
        done: ({ pausedUntil: until }) => `Paused consumer ${name} until ${localTime(until)}.`,
      }),
    );
  const resume = (): unknown =>
    run('resume-consumer', {
      input: { connection, stream, consumer: name },
      done: `Resumed consumer ${name}.`,
    });
  return (
    <span class="commands">
      {may('pause-consumer') && (
        <Button label={`Pause consumer ${name}`} isBusy={isBusy} onClick={pause}>
          Pause
        </Button>
      )}
      {may('resume-consumer') && pausedUntil !== undefined && (
        <Button label={`Resume consumer ${name}`} isBusy={isBusy} onClick={resume}>
          Resume
        </Button>
      )}
    </span>
  );
}
