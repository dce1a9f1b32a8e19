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
  if (!connection.isOpen)
    return new TryItRefusal(503, 'The application runs without a server (connect: false).');
  if (action === 'messages') {
    return channel.isStored
      ? undefined
      : new TryItRefusal(400, 'No stream stores the messages of this channel.');
  }
  if (action === 'request' && !channel.isAnswered)
    return new TryItRefusal(400, 'The application does not answer the messages of this channel.');
  if (action === 'dry-run' && !supportsDryRun(connection)) {
    return new TryItRefusal(
      501,
      `A dry run needs nats-server 2.11; the connected one is ${connection.serverVersion}. Nothing was sent.`,
    );
  }
  return hasPayload ? undefined : new TryItRefusal(400, 'payload is missing. Send null for an empty value.');
}
