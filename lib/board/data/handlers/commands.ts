import type { JetStreamInstances } from '../../../discovery/index.js';
import { InvalidArgumentError } from '../../../errors/index.js';
import { errorText } from '../../../reporting/index.js';
import { filledText, required } from '../../../validation/index.js';
import type { BoardActions, HandlerCommandResult } from '../../model/index.js';
import type { Action, Actions } from '../answers.js';
import type { BoardContext } from '../board-context.js';
import { LOCAL_ID } from './gathering.js';

/** The longest name that a command carries. */
const LONGEST_NAME = 200;

type Command = 'pause' | 'resume' | 'start' | 'stop';
type HandlerAction = `${Command}-handler`;
type Input = BoardActions[HandlerAction]['input'];

const MEMBERS = { service: filledText, handler: required(filledText), id: filledText };

/** The commands for handlers: of this process, of another instance, or of all instances of a service. */
export function handlerActions(context: BoardContext): Actions<HandlerAction> {
  const action = (command: Command): Action<HandlerAction> => ({
    members: MEMBERS,
    carryOut: (input, { by }) => carryOut(context, command, input, by?.slice(0, LONGEST_NAME)),
  });
  return {
    'pause-handler': action('pause'),
    'resume-handler': action('resume'),
    'stop-handler': action('stop'),
    'start-handler': action('start'),
  };
}

async function carryOut(
  context: BoardContext,
  command: Command,
  { handler, id, service: name }: Input,
  by: string | undefined,
): Promise<HandlerCommandResult> {
  const { source } = context;
  const { service } = source;
  // Without an id, all instances of a service are meant. An application that is no service has only one.
  const isHere = service === undefined ? name === undefined : name === service.name && id === service.id;
  if (isHere) {
    await here(context, command, handler);
    return { results: [{ id: service?.id ?? LOCAL_ID }] };
  }
  if (name === undefined)
    throw new InvalidArgumentError('service', 'it is missing, and this application is a service');
  const instances = source.instances(context.jetstream(undefined).connection.name);
  const results = await send(instances, command, handler, { name, id, by });
  return { results: await Promise.all(results.map((result) => ownInstead(context, command, handler, result))) };
}

function isOwn({ source }: BoardContext, id: string): boolean {
  return id === (source.service?.id ?? LOCAL_ID);
}

/** @throws {@link HandlerNotFoundError}, and the errors of the command */
async function here({ source }: BoardContext, command: Command, handler: string): Promise<void> {
  if (source.handlers === undefined) throw new InvalidArgumentError('service', 'it is missing: there are no handlers here');
  await source.handlers[command](handler);
}

interface Sending {
  readonly name: string;
  readonly id: string | undefined;
  readonly by: string | undefined;
}

type Result = HandlerCommandResult['results'][number];

async function send(
  instances: JetStreamInstances,
  command: Command,
  handler: string,
  options: Sending,
): Promise<Result[]> {
  const results = await instances[command](handler, options);
  return results.map(({ error, id }) => ({ id, ...(error !== undefined && { error: errorText(error) }) }));
}

/** The person may control this instance through the board, also if other clients may not (`discovery.control`). */
async function ownInstead(
  context: BoardContext,
  command: Command,
  handler: string,
  result: Result,
): Promise<Result> {
  if (result.error === undefined || !isOwn(context, result.id)) return result;
  try {
    await here(context, command, handler);
    return { id: result.id };
  } catch (error) {
    return { id: result.id, error: errorText(error) };
  }
}
