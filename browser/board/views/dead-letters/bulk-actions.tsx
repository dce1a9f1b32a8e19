import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { DeadLetterSelection } from '../../../../lib/board/model/index.js';
import { Button } from '../../parts/button.js';
import { Field } from '../../parts/field.js';
import { useBoard, useMay } from '../../state/board.js';
import { useActions } from '../../state/use-action.js';
import { selectionText } from './selection.js';

const STARTED = 'The job has started.';

/** Starts jobs over all dead letters that the filter selects. */
export function BulkActions({ selection }: { readonly selection: DeadLetterSelection }): JSX.Element | null {
  const { connection } = useBoard();
  const may = useMay();
  const { askAndRun, isBusy, run } = useActions();
  const [rate, setRate] = useState('');
  const [to, setTo] = useState<'subject' | 'handler'>('subject');
  const [text, setText] = useState('');
  const names = ['replay-all', 'drop-all', 'search'] as const;
  if (!names.some(may)) return null;
  const words = selectionText(selection);
  const input = { connection, selection, rate: rate === '' ? undefined : Number(rate) };
  const speed = rate === '' ? 'without a limit of the rate' : `at most ${rate} per second`;
  const replay = (): unknown =>
    askAndRun(
      'replay-all',
      {
        title: 'Replay all?',
        lines: [
          `A job replays ${words} to ${to === 'subject' ? 'their subjects' : 'their handlers'}, ${speed}.`,
          'Those that arrive after its start are not touched. The job can be stopped and continued.',
        ],
        confirm: 'Replay all',
        isDangerous: true,
      },
      () => ({ input: { ...input, to }, done: STARTED }),
    );
  const drop = (): unknown =>
    askAndRun(
      'drop-all',
      {
        title: 'Drop all?',
        lines: [`A job deletes ${words}, ${speed}.`, 'This cannot be undone.'],
        confirm: 'Drop all',
        isDangerous: true,
      },
      () => ({ input, done: STARTED }),
    );
  return (
    <section class="bulk" aria-labelledby="bulk">
      <h2 id="bulk">Everything that the filter selects</h2>
      <p>The jobs below work on {words}, in the background.</p>
      <div class="filters">
        <label class="field">
          At most per second
          <input
            type="number"
            min={1}
            placeholder="no limit"
            value={rate}
            onInput={(event) => setRate(event.currentTarget.value)}
          />
        </label>
        {may('replay-all') && (
          <label class="field">
            Replay to
            <select
              value={to}
              onChange={(event) => setTo(event.currentTarget.value === 'handler' ? 'handler' : 'subject')}
            >
              <option value="subject">the subject</option>
              <option value="handler">the handler, in this process</option>
            </select>
          </label>
        )}
        <p class="buttons">
          {may('replay-all') && (
            <Button isBusy={isBusy} onClick={replay}>
              Replay all
            </Button>
          )}
          {may('drop-all') && (
            <Button isBusy={isBusy} isDangerous onClick={drop}>
              Drop all
            </Button>
          )}
        </p>
      </div>
      {may('search') && (
        <form
          class="filters"
          onSubmit={(event) => {
            event.preventDefault();
            void run('search', { input: { ...input, text }, done: STARTED });
          }}
        >
          <Field
            label="Text in subject, error, headers or payload"
            value={text}
            onValue={setText}
            isRequired
          />
          <p class="buttons">
            <button type="submit" aria-disabled={isBusy}>
              Search
            </button>
          </p>
        </form>
      )}
    </section>
  );
}
