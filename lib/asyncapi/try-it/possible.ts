import type { TryItAction } from './actions.js';
import type { TryItChannel } from './channels.js';
import { supportsDryRun } from './dry-run.js';
import { TryItRefusal } from './refusal.js';

/** Whether an action is possible on a channel. */
export function isPossible(action: TryItAction, channel: TryItChannel): boolean {
  return problemOf(action, channel, true) === undefined;
}

/** Why an action is not possible on a channel. */
export function problemOf(
  action: TryItAction,
  channel: TryItChannel,
  hasPayload: boolean,
): TryItRefusal | undefined {
  const { connection } = channel.connection.jetstream;
  // With connect: 'lazy', the action opens the connection.
  if (!connection.isOpen && !connection.isLazy)
    return new TryItRefusal(503, 'The application runs without a server (connect: false).');
  if (action === 'messages') {
    return channel.isStored
      ? undefined
      : new TryItRefusal(400, 'No stream stores the messages of this channel.');
  }
  if (action === 'request') {
    const problem = requestProblem(channel);
    if (problem !== undefined) return new TryItRefusal(400, problem);
  }
  if (action === 'dry-run' && !supportsDryRun(connection)) {
    return new TryItRefusal(
      501,
      `A dry run needs nats-server 2.11; the connected one is ${connection.serverVersion}. Nothing was sent.`,
    );
  }
  return hasPayload ? undefined : new TryItRefusal(400, 'payload is missing. Send null for an empty value.');
}

/** Why a request would not get the answer of a handler. */
function requestProblem({ answers, stream }: TryItChannel): string | undefined {
  switch (answers) {
    case 'core':
      return undefined;
    case 'durable':
      return (
        'A stream stores the requests of this channel, and their answers are sent to the subject in a header, which the page does ' +
        'not set. Nothing was sent. Use the action publish, which shows no answer, or send the request with JetStreamClient.'
      );
    case 'stream':
      return (
        `The stream ${stream === undefined ? '' : `"${stream}" `}listens on the subject of this channel, so it would answer before ` +
        'the handler. Nothing was sent.'
      );
    default:
      return 'The application does not answer the messages of this channel.';
  }
}
