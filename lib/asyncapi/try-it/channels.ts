import { defineMessage, type MessageContract, paramNames } from '../../contracts/index.js';
import type { HandlerConnection } from '../../handlers/index.js';
import { printable } from '../../reporting/index.js';
import { isReplyAllowed, ownNames } from '../../validation/index.js';
import type { AsyncApiChannel, AsyncApiDocument, AsyncApiReference } from '../document/index.js';
import { namesOfReference } from '../schemas/index.js';
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
  /** How handlers of the application answer its messages; `undefined` if none does. */
  readonly answers: Answers | undefined;
  readonly summary: string | undefined;
  readonly contentType: string;
  readonly examples: readonly unknown[];
}

/**
 * How requests are answered: `core` to the inbox of the caller; `durable` to the subject in a header, because a stream stores
 * the requests; `stream` if a stream would answer a request over core NATS before the handler.
 */
export type Answers = 'core' | 'durable' | 'stream';

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
  const answers = answersOf(document);
  const channels = new Map<string, TryItChannel>();
  for (const [key, channel] of Object.entries(document.channels)) {
    const found = channelOf(document, key, channel, sources);
    if (found !== undefined) channels.set(key, answered(found, answers.get(key)));
  }
  return channels;
}

/** A request over core NATS gets the answer of a stream if one listens on its subject, even if its handler uses none. */
function answered(channel: Omit<TryItChannel, 'answers'>, answers: Answers | undefined): TryItChannel {
  const { declarations } = channel.connection.jetstream;
  const stream = channel.stream ?? declarations.streamOf(channel.contract.filter);
  return answers === 'core' && stream !== undefined
    ? { ...channel, stream, answers: 'stream' }
    : { ...channel, answers };
}

/** How the channels with requests are answered, by their keys. */
function answersOf({ operations, channels }: AsyncApiDocument): ReadonlyMap<string, Answers> {
  const answers = new Map<string, Answers>();
  for (const { action, reply, channel } of Object.values(operations)) {
    if (action !== 'receive' || reply === undefined) continue;
    const key = keyOf(channel);
    const isStored = channels[key]?.['x-jetstream'].kind === 'stream';
    // Only a durable request has an address for its answer.
    if (reply.address !== undefined) answers.set(key, 'durable');
    else if (!answers.has(key)) answers.set(key, isStored ? 'stream' : 'core');
  }
  return answers;
}

function channelOf(
  document: AsyncApiDocument,
  key: string,
  channel: AsyncApiChannel,
  { contracts, connections }: ChannelSources,
): Omit<TryItChannel, 'answers'> | undefined {
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

/** The last name in a reference such as `#/channels/orders`. */
function keyOf({ $ref }: AsyncApiReference): string {
  return namesOfReference($ref).at(-1) ?? '';
}

/** Why a request with these parameters is refused: a name that is not one of the channel's has no effect. */
export function unknownParams(
  channel: TryItChannel,
  params: Readonly<Record<string, string>>,
): TryItRefusal | undefined {
  const known = paramsOf(channel);
  const unknown = ownNames(params).filter((name) => !known.includes(name));
  if (unknown.length === 0) return undefined;
  const shown = unknown.slice(0, MOST_NAMES).map((name) => `"${printable(name.slice(0, LONGEST_NAME))}"`);
  const more = unknown.length > shown.length ? ` and ${unknown.length - shown.length} more` : '';
  const has =
    known.length === 0 ? 'no parameters' : `the parameters ${known.map((name) => `"${name}"`).join(', ')}`;
  return new TryItRefusal(
    400,
    `params has the unknown names ${shown.join(', ')}${more}. The channel "${channel.key}" has ${has}. Nothing was sent.`,
  );
}

/** How many unknown names are listed, and how many characters of each. */
const MOST_NAMES = 5;
const LONGEST_NAME = 100;

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
export function paramsOf({ contract }: TryItChannel): readonly string[] {
  return paramNames(contract);
}
