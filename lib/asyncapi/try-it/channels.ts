import { defineMessage, type MessageContract } from '../../contracts/index.js';
import type { HandlerConnection } from '../../handlers/index.js';
import { isReplyAllowed } from '../../validation/index.js';
import type { AsyncApiChannel, AsyncApiDocument, AsyncApiReference } from '../document/index.js';
import { TryItRefusal } from './refusal.js';

/** A channel of the document that can be tried. */
export interface TryItChannel {
  /** Its key in the document. */
  readonly key: string;
  /** The subject with its parameters, such as `orders.{id}.placed`. */
  readonly address: string;
  /** Fills in the subject, and validates payloads if the channel has a contract. */
  readonly contract: MessageContract;
  readonly connection: HandlerConnection;
  /** The stream that stores the messages, if it is declared or named. */
  readonly stream: string | undefined;
  readonly isStored: boolean;
  /** Whether handlers of the application answer its messages. */
  readonly isAnswered: boolean;
  readonly summary: string | undefined;
  readonly contentType: string;
  readonly examples: readonly unknown[];
}

/** The contracts and connections that the channels of a document refer to. */
export interface ChannelSources {
  readonly contracts: readonly MessageContract[];
  readonly connections: readonly HandlerConnection[];
}

/**
 * The channels of a document whose messages a caller may send: those on subjects of the application. Buckets, answers of
 * requests, subjects that begin with `$`, and connections that microservices open for themselves are left out.
 */
export function channelsOf(
  document: AsyncApiDocument,
  sources: ChannelSources,
): ReadonlyMap<string, TryItChannel> {
  // A durable request has a header for its answer, and a stream would answer a plain one.
  const answered = new Set(
    Object.values(document.operations).flatMap(({ action, reply, channel }) =>
      action === 'receive' && reply !== undefined && reply.address === undefined ? [keyOf(channel)] : [],
    ),
  );
  const channels = new Map<string, TryItChannel>();
  for (const [key, channel] of Object.entries(document.channels)) {
    const found = channelOf(document, key, channel, sources);
    if (found === undefined) continue;
    channels.set(key, { ...found, isAnswered: answered.has(key) && channel['x-jetstream'].kind === 'core' });
  }
  return channels;
}

function channelOf(
  document: AsyncApiDocument,
  key: string,
  channel: AsyncApiChannel,
  { contracts, connections }: ChannelSources,
): Omit<TryItChannel, 'isAnswered'> | undefined {
  const { address } = channel;
  const { kind, stream, filter } = channel['x-jetstream'];
  if (address === null || address.startsWith('$') || (kind !== 'stream' && kind !== 'core')) return undefined;
  const names = channel.servers.map((server) => document.servers[keyOf(server)]?.['x-jetstream'].connection);
  const connection = connections.find(({ name }) => names.includes(name));
  const messages = Object.values(channel.messages).flatMap(
    (message) => document.components.messages[keyOf(message)] ?? [],
  );
  const templates = messages.map((message) => message['x-jetstream']?.contract);
  const known = contracts.find(({ template }) => templates.includes(template));
  const contract = known ?? contractOf(address, filter, kind === 'core');
  if (connection === undefined || contract === undefined) return undefined;
  const [message] = messages;
  return {
    key,
    address,
    contract,
    connection,
    stream,
    isStored: !contract.core && kind === 'stream',
    summary: message?.summary ?? channel.title,
    contentType: message?.contentType ?? document.defaultContentType,
    examples: (message?.examples ?? []).map(({ payload }) => payload),
  };
}

/** A contract without a schema for a channel that has none; `undefined` if its subject cannot be filled in. */
function contractOf(address: string, filter: string | undefined, core: boolean): MessageContract | undefined {
  const tokens = address.split('.').map((token, i, all) => {
    const [, name] = /^\{(\w+)\}$/.exec(token) ?? [];
    if (name === undefined) return token;
    return i === all.length - 1 && filter?.endsWith('>') ? '>' : `:${name}`;
  });
  try {
    return defineMessage({ subject: tokens.join('.'), core });
  } catch {
    return undefined;
  }
}

/** The last part of a reference such as `#/channels/orders`, with `~1` for `/` and `~0` for `~`. */
function keyOf({ $ref }: AsyncApiReference): string {
  return $ref
    .slice($ref.lastIndexOf('/') + 1)
    .replaceAll('~1', '/')
    .replaceAll('~0', '~');
}

/**
 * The subject of a message.
 *
 * @throws {@link TryItRefusal} if the library must not publish to it; {@link InvalidArgumentError} if a parameter is invalid
 */
export function subjectOf({ contract }: TryItChannel, params: Readonly<Record<string, string>>): string {
  const subject = contract.subject(params);
  if (isReplyAllowed(subject)) return subject;
  throw new TryItRefusal(400, 'The parameters make a subject that begins with "$" or is too long.');
}

/** The names of the parameters in the subject. */
export function paramsOf({ contract: { template } }: TryItChannel): readonly string[] {
  return template.split('.').flatMap((token) => {
    if (token === '>') return ['rest'];
    return token.startsWith(':') ? [token.slice(1)] : [];
  });
}
