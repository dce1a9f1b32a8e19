import type { JSX } from 'preact';
import type {
  BoardActionName,
  HandlerCommandResult,
  HandlerInstance,
  HandlerRow,
} from '../../../../lib/board/model/index.js';
import { Button } from '../../parts/button.js';
import { useMay } from '../../state/board.js';
import { useActions } from '../../state/use-action.js';
import { counted } from '../../text/format.js';

type CommandName = Extract<BoardActionName, `${string}-handler`>;

interface Command {
  readonly name: CommandName;
  readonly title: string;
  /** The word of the announcement. */
  readonly done: string;
  /** The states in which it has an effect. */
  readonly from: (status: string | undefined) => boolean;
}

const COMMANDS: readonly Command[] = [
  {
    name: 'pause-handler',
    title: 'Pause',
    done: 'Paused',
    from: (status) => status !== 'paused' && status !== 'stopped',
  },
  { name: 'resume-handler', title: 'Resume', done: 'Resumed', from: (status) => status === 'paused' },
  { name: 'stop-handler', title: 'Stop', done: 'Stopped', from: (status) => status !== 'stopped' },
  { name: 'start-handler', title: 'Start', done: 'Started', from: (status) => status === 'stopped' },
];

/** The commands for a handler in all of its instances, or in one of them. */
export function HandlerCommands({
  row,
  instance,
}: {
  readonly row: HandlerRow;
  readonly instance?: HandlerInstance;
}): JSX.Element {
  const may = useMay();
  const { isBusy, run, askAndRun } = useActions();
  const { controlName, handler, instances, service } = row;
  if (controlName === undefined) return <span class="quiet">not controllable</span>;
  const concerned = instance === undefined ? instances : [instance];
  const place =
    instance === undefined
      ? `in ${instances.length === 1 ? 'its instance' : `all ${instances.length} instances`}`
      : `in instance ${instance.id}`;
  const command = ({ name, title, done }: Command): void => {
    const deed = {
      input: { service, handler: controlName, id: instance?.id },
      done: (result: HandlerCommandResult) => resultText(`${done} ${handler}`, result),
    };
    if (name !== 'stop-handler') void run(name, deed);
    else
      void askAndRun(
        name,
        {
          title: `${title} ${handler}?`,
          lines: [
            `${handler} ends its work in progress and then handles no messages ${place}.`,
            'It starts again by the command "Start", or when the application starts.',
          ],
          confirm: title,
          isDangerous: true,
        },
        () => deed,
      );
  };
  return (
    <span class="commands">
      {COMMANDS.filter(({ name, from }) => may(name) && concerned.some(({ status }) => from(status))).map(
        (each) => (
          <Button
            key={each.name}
            label={`${each.title} ${handler} ${place}`}
            isBusy={isBusy}
            isDangerous={each.name === 'stop-handler'}
            onClick={() => command(each)}
          >
            {each.title}
          </Button>
        ),
      )}
    </span>
  );
}

/** Which instances did it, and why others did not. */
function resultText(what: string, { results }: HandlerCommandResult): string {
  const failed = results.filter(({ error }) => error !== undefined);
  if (failed.length === 0) return `${what} in ${counted(results.length, 'instance')}.`;
  const reasons = failed.map(({ id, error }) => `${id}: ${error ?? ''}`).join('; ');
  return `${what} in ${results.length - failed.length} of ${counted(results.length, 'instance')}. ${reasons}`;
}
