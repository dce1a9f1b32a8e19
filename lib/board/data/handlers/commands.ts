import { InvalidArgumentError } from '../../../errors/index.js';
import { type AllOptionsOf, filledText, required, rule } from '../../../validation/index.js';
import type { BoardActions, HandlerCommandResult } from '../../model/index.js';
import type { Action, Actions, BoardActor } from '../answers.js';
import type { BoardContext } from '../board-context.js';
import { type Command, commandEverywhere, commandHere, commandOne } from './command-targets.js';
import { OwnProcess } from './own-process.js';

/** The longest name of a handler, and the longest text about its sender, that other instances accept in a command. */
const LONGEST_HANDLER = 500;
const LONGEST_SENDER = 200;

type HandlerAction = `${Command['name']}-handler`;
type Input = BoardActions[HandlerAction]['input'];

const MEMBERS = {
  service: filledText,
  handler: required(
    rule(
      `the name of a handler, up to ${LONGEST_HANDLER} characters`,
      (value) => typeof value === 'string' && value.trim() !== '' && value.length <= LONGEST_HANDLER,
    ),
  ),
  id: filledText,
} satisfies AllOptionsOf<Input>;

/** The commands for handlers: of this process, of another instance, or of all instances of a service. */
export function handlerActions(context: BoardContext): Actions<HandlerAction> {
  const action = (name: Command['name']): Action<HandlerAction> => ({
    members: MEMBERS,
    carryOut: (input, actor) => carryOut(context, name, input, actor),
  });
  return {
    'pause-handler': action('pause'),
    'resume-handler': action('resume'),
    'stop-handler': action('stop'),
    'start-handler': action('start'),
  };
}

/**
 * @throws {@link InvalidArgumentError}; {@link HandlerNotFoundError}, {@link AmbiguousHandlerError} and the errors of the
 * command in this process; the errors of the commands of `JetStreamInstances`
 */
async function carryOut(
  context: BoardContext,
  name: Command['name'],
  { handler, id, service }: Input,
  { by, signal }: BoardActor,
): Promise<HandlerCommandResult> {
  const own = new OwnProcess(context.source);
  const command: Command = { name, handler, by: by?.slice(0, LONGEST_SENDER), signal };
  if (service === undefined) {
    if (id !== undefined && !own.isSelf(id))
      throw new InvalidArgumentError('service', 'it is missing, and the id is not that of this instance');
    await commandHere(context, command);
    return { results: [{ id: id ?? own.id }] };
  }
  if (id === undefined) return { results: await commandEverywhere(context, command, service) };
  if (own.services.some((each) => each.name === service && each.id === id))
    await commandHere(context, command);
  else await commandOne(context, command, service, id);
  return { results: [{ id }] };
}
