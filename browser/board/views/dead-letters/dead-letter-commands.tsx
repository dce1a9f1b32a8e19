import type { JSX } from 'preact';
import type { DeadLetterRow } from '../../../../lib/board/model/index.js';
import { Button } from '../../parts/button.js';
import { useBoard, useMay } from '../../state/board.js';
import { useActions } from '../../state/use-action.js';

/** Replays or drops one dead letter. */
export function DeadLetterCommands({
  letter: { handler, sequence, stream, subject, time },
  canCallHandler = false,
  after,
}: {
  readonly letter: Pick<DeadLetterRow, 'handler' | 'sequence' | 'stream' | 'subject' | 'time'>;
  readonly canCallHandler?: boolean;
  readonly after: () => void;
}): JSX.Element {
  const { connection } = useBoard();
  const may = useMay();
  const { askAndRun, isBusy, run } = useActions(after);
  const name = `dead letter ${sequence}`;
  const replay = (to: 'subject' | 'handler'): unknown =>
    run('replay', {
      input: { connection, sequence, time, to },
      done: `Replayed ${name} to ${to === 'subject' ? `the subject ${subject}` : handler}.`,
    });
  const drop = (): unknown =>
    askAndRun(
      'drop',
      {
        title: `Drop ${name}?`,
        lines: [
          `The dead letter of ${subject} from the stream ${stream}, which ${handler} could not handle, is deleted.`,
          'This cannot be undone.',
        ],
        confirm: 'Drop',
        isDangerous: true,
      },
      () => ({ input: { connection, sequence, time }, done: `Dropped ${name}.` }),
    );
  return (
    <span class="commands">
      {may('replay') && (
        <Button label={`Replay ${name}`} isBusy={isBusy} onClick={() => replay('subject')}>
          Replay
        </Button>
      )}
      {may('replay') && canCallHandler && (
        <Button label={`Replay to handler: ${name}`} isBusy={isBusy} onClick={() => replay('handler')}>
          Replay to handler
        </Button>
      )}
      {may('drop') && (
        <Button label={`Drop ${name}`} isBusy={isBusy} isDangerous onClick={drop}>
          Drop
        </Button>
      )}
    </span>
  );
}
