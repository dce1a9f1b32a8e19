import type { Msg } from '@nats-io/transport-node';
import { MessageHeaders } from '../../connection/index.js';
import type { MessagePublisher } from '../../contracts/index.js';
import type { TryItAction, TryItLimits } from './actions.js';
import type { TryItChannel } from './channels.js';
import { dryRun } from './dry-run.js';
import { recentMessages } from './recent-messages.js';
import { TryItRefusal } from './refusal.js';
import type { PayloadView } from './shown-payload.js';

/** What is done with a channel, after all checks. */
export interface TryItCall {
  readonly channel: TryItChannel;
  readonly params: Readonly<Record<string, string>>;
  readonly payload: unknown;
}

/**
 * Carries out an action.
 *
 * @throws {@link TryItRefusal}, and the errors of publishing, requests and reading
 */
export async function carryOut(
  action: TryItAction,
  call: TryItCall,
  limits: TryItLimits,
  view: PayloadView,
): Promise<unknown> {
  const { channel, params, payload } = call;
  const { jetstream } = channel.connection;
  await jetstream.connection.opened({ timeout: limits.timeout });
  if (action === 'messages') return messages(channel, limits, view);
  const publisher = channel.connection.publisherOf(channel.contract);
  if (action === 'publish') return publish(call, publisher, limits);
  const message = await publisher.prepare(params, payload);
  if (action === 'dry-run') return dryRun(jetstream, message, limits.timeout);
  const headers = new MessageHeaders();
  if (message.contentType !== undefined) headers.set('Content-Type', message.contentType);
  const { subject, data } = message;
  const reply = await jetstream.requests.request(subject, data, { timeout: limits.timeout, headers });
  return { subject, reply: replyOf(reply, channel, subject, view) };
}

async function publish(
  { channel, params, payload }: TryItCall,
  publisher: MessagePublisher,
  { timeout }: TryItLimits,
): Promise<unknown> {
  const subject = channel.contract.subject(params);
  if (!channel.isStored && channel.contract.core) {
    if (!channel.connection.jetstream.connection.hasLink)
      throw new TryItRefusal(503, 'There is no link to a server, so the message would be lost.');
    await publisher.publish(params, payload);
    return { subject, stored: false };
  }
  const ack = await publisher.publish(params, payload, { timeout });
  const { stream, sequence, duplicate } = ack;
  return { subject, stored: true, stream, sequence, duplicate };
}

function replyOf(reply: Msg, { connection }: TryItChannel, subject: string, view: PayloadView): unknown {
  const { headers } = reply;
  const code = headers?.get('Nats-Service-Error-Code') ?? '';
  const message = headers?.get('Nats-Service-Error') ?? '';
  return {
    ...view.show({ subject, data: reply.data }, headers, connection.codecsOfSubject(subject)),
    ...((code !== '' || message !== '') && { error: { code, message: message.slice(0, LONGEST_ERROR) } }),
  };
}

/** Longer texts of a service are cut, in characters. */
const LONGEST_ERROR = 2_000;

async function messages(
  channel: TryItChannel,
  { maxMessages, timeout }: TryItLimits,
  view: PayloadView,
): Promise<unknown> {
  const { stream, messages: found, isComplete } = await recentMessages(channel, maxMessages, timeout);
  const codecs = channel.connection.codecsOfStream(stream);
  return {
    stream,
    isComplete,
    messages: found.map((message) => ({
      subject: message.subject,
      sequence: message.sequence,
      time: message.time.toISOString(),
      ...view.show(message, message.headers, codecs),
    })),
  };
}
