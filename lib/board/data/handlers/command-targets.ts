import type { ControlResult, JetStreamInstances } from '../../../discovery/index.js';
import {
  ControlNotAllowedError,
  HandlerNotFoundError,
  InstanceHandlerNotFoundError,
  InstanceNotFoundError,
  InvalidArgumentError,
  PermissionDeniedError,
} from '../../../errors/index.js';
import { errorText, isInstance, toError } from '../../../reporting/index.js';
import { given } from '../../../validation/index.js';
import type { HandlerCommandResult } from '../../model/index.js';
import type { BoardContext } from '../board-context.js';
import { OwnProcess } from './own-process.js';

/** A command for a handler. */
export interface Command {
  readonly name: 'pause' | 'resume' | 'stop' | 'start';
  /** Its name for commands. */
  readonly handler: string;
  /** The name of the sender. */
  readonly by: string | undefined;
  readonly signal: AbortSignal;
}

/** How long a stop may take in other instances, in milliseconds: messages in flight have the `shutdownTimeout`. */
const LONGEST_STOP = 30_000;

type Result = Pick<ControlResult, 'id' | 'error'>;

/** Carries out a command in this process. */
export async function commandHere({ source }: BoardContext, { handler, name }: Command): Promise<void> {
  if (source.handlers === undefined)
    throw new InvalidArgumentError('service', 'it is missing, and there are no handlers in this process');
  await source.handlers[name](handler);
}

/** Sends a command to one instance. It rejects if the command failed. */
export async function commandOne(
  context: BoardContext,
  command: Command,
  service: string,
  id: string,
): Promise<void> {
  await send(context, command, { name: service, id });
}

/**
 * Sends a command to all instances of a service. The person may control this instance through the board, also if other
 * clients may not (`discovery.control`).
 *
 * @throws the error of an instance if no instance has the handler
 */
export async function commandEverywhere(
  context: BoardContext,
  command: Command,
  service: string,
): Promise<HandlerCommandResult['results']> {
  const results: Result[] = [];
  const own = new OwnProcess(context.source).services.find(({ name }) => name === service);
  try {
    results.push(...(await send(context, command, { name: service })));
  } catch (error) {
    // This instance does not answer others if its user may not subscribe to the requests.
    if (own === undefined || !isInstance(error, InstanceNotFoundError)) throw error;
  }
  if (own !== undefined) {
    const place = results.findIndex(({ id }) => id === own.id);
    if (place < 0) results.push(await resultHere(context, command, own.id));
    else if (isInstance(results[place]?.error, ControlNotAllowedError))
      results[place] = await resultHere(context, command, own.id);
  }
  const [first] = results;
  if (first?.error !== undefined && results.every(({ error }) => isUnknown(error))) throw first.error;
  return results.map(({ error, id }) => ({ id, ...(error !== undefined && { error: errorText(error) }) }));
}

async function resultHere(context: BoardContext, command: Command, id: string): Promise<Result> {
  try {
    await commandHere(context, command);
    return { id, error: undefined };
  } catch (error) {
    return { id, error: toError(error) };
  }
}

function isUnknown(error: unknown): boolean {
  return isInstance(error, InstanceHandlerNotFoundError) || isInstance(error, HandlerNotFoundError);
}

/**
 * Sends a command on the first connection on which the service answers: a command names no connection, and a board may have
 * connections to several servers.
 */
async function send(
  context: BoardContext,
  { by, handler, name: command, signal }: Command,
  to: { readonly name: string; readonly id?: string },
): Promise<readonly ControlResult[]> {
  let failure: Error | undefined;
  const timeout = command === 'stop' ? LONGEST_STOP : undefined;
  for (const instances of candidates(context, to.name)) {
    try {
      return await instances[command](handler, { ...to, ...given({ by, timeout }), signal });
    } catch (error) {
      const isMissing = isInstance(error, InstanceNotFoundError);
      if (!isMissing && !isInstance(error, PermissionDeniedError)) throw error;
      // A missing permission says more than that there is no instance elsewhere.
      if (failure === undefined || !isMissing) failure = toError(error);
    }
  }
  throw failure ?? new InstanceNotFoundError(to.name, to.id);
}

/** The connections to try, first that of this instance. */
function candidates(context: BoardContext, service: string): readonly JetStreamInstances[] {
  const { source } = context;
  // It throws if none is open.
  context.jetstream(undefined);
  const names = source.connections.map(({ connection }) => connection.name);
  const own = new OwnProcess(source).services.find(({ name }) => name === service)?.connection;
  return names
    .toSorted((a, b) => Number(b === own) - Number(a === own))
    .map((name) => source.instances(name));
}
