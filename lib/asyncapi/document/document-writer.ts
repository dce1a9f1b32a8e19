import type { JsonSchema, SchemaDescriber, SchemaStore } from '../schemas/index.js';
import type {
  AsyncApiChannel,
  AsyncApiMessage,
  AsyncApiOperation,
  AsyncApiReference,
} from './asyncapi-document.interface.js';
import type { Drafting } from './drafting.js';
import type { ChannelDraft, MessageDraft, OperationDraft } from './drafts.js';
import { compareTexts, keyOf, Keys } from './keys.js';
import { writeMessage } from './message-writer.js';
import { given } from './plain.js';

/** The version of the bindings of NATS. */
const BINDING_VERSION = '0.1.0';

/** Receives the schemas of the document, whose keys are reserved in the order in which they are described. */
export class Schemas implements SchemaStore {
  readonly all = new Map<string, JsonSchema>();
  private readonly keys = new Keys();

  reserve(preferred: string): string {
    return this.keys.reserve(preferred);
  }

  put(key: string, schema: JsonSchema): void {
    this.all.set(key, schema);
  }
}

/** The parts of a document that consist of drafts. */
export interface Written {
  readonly channels: Readonly<Record<string, AsyncApiChannel>>;
  readonly operations: Readonly<Record<string, AsyncApiOperation>>;
  readonly messages: Readonly<Record<string, AsyncApiMessage>>;
}

/**
 * Gives all drafts their keys, in an order that does not depend on the order in which Nest creates providers, and writes
 * them.
 */
export async function writeDrafts(drafting: Drafting, schemas: SchemaDescriber): Promise<Written> {
  const channels = keysOf([...drafting.channels.values()], channelIdentity);
  const drafts = new Set([...channels.keys()].flatMap(({ messages }) => [...messages]));
  const messages = keysOf([...drafts], messageIdentity);
  const operations = keysOf(drafting.operations, (draft) => operationIdentity(draft, channels));
  const writer = new Writer(channels, messages, drafting.serverKeys);
  const written: [string, AsyncApiMessage][] = [];
  for (const [draft, key] of messages) written.push([key, await writeMessage(draft, key, schemas)]);
  return {
    channels: sorted([...channels].map(([draft, key]) => [key, writer.channel(draft)])),
    operations: sorted([...operations].map(([draft, key]) => [key, writer.operation(draft)])),
    messages: sorted(written),
  };
}

/** Sorted members, so that documents can be compared. */
export function sorted<T>(entries: readonly (readonly [string, T])[]): Readonly<Record<string, T>> {
  return Object.fromEntries(entries.toSorted(([a], [b]) => compareTexts(a, b)));
}

/** Writes channels and operations, with references to each other. */
class Writer {
  constructor(
    private readonly channels: ReadonlyMap<ChannelDraft, string>,
    private readonly messages: ReadonlyMap<MessageDraft, string>,
    private readonly servers: ReadonlyMap<string, string>,
  ) {}

  channel({ server, address, description, extension, messages }: ChannelDraft): AsyncApiChannel {
    const parameters = address?.parameters ?? [];
    return given<AsyncApiChannel>({
      address: address?.address ?? null,
      title: undefined,
      description,
      servers: [{ $ref: `#/servers/${this.servers.get(server) ?? ''}` }],
      parameters:
        parameters.length === 0
          ? undefined
          : Object.fromEntries(
              parameters.map(({ name, description: text }) => [name, { description: text }]),
            ),
      messages: sorted(
        [...messages].map((message) => {
          const key = this.messages.get(message) ?? '';
          return [key, { $ref: `#/components/messages/${key}` }];
        }),
      ),
      'x-jetstream': extension,
    });
  }

  operation(draft: OperationDraft): AsyncApiOperation {
    const { action, channel, messages, description, queue, reply, extension } = draft;
    return given<AsyncApiOperation>({
      action,
      channel: this.toChannel(channel),
      title: undefined,
      summary: undefined,
      description,
      tags: undefined,
      messages: this.toMessages(channel, messages),
      reply: reply && {
        ...(reply.header === undefined ? {} : { address: { location: `$message.header#/${reply.header}` } }),
        channel: this.toChannel(reply.channel),
        messages: this.toMessages(reply.channel, reply.messages),
      },
      bindings: queue === undefined ? undefined : { nats: { queue, bindingVersion: BINDING_VERSION } },
      'x-jetstream': extension,
    });
  }

  private toChannel(channel: ChannelDraft): AsyncApiReference {
    return { $ref: `#/channels/${this.channels.get(channel) ?? ''}` };
  }

  private toMessages(channel: ChannelDraft, messages: readonly MessageDraft[]): readonly AsyncApiReference[] {
    const keys = [...new Set(messages)].map((message) => this.messages.get(message) ?? '');
    return keys
      .toSorted(compareTexts)
      .map((key) => ({ $ref: `${this.toChannel(channel).$ref}/messages/${key}` }));
  }
}

/** Reserves a key for each draft. Drafts that prefer the same key get numbers, in the order of their identities. */
function keysOf<Draft extends { readonly key: string }>(
  drafts: readonly Draft[],
  identityOf: (draft: Draft) => string,
): ReadonlyMap<Draft, string> {
  const keys = new Keys();
  const identities = new Map(drafts.map((draft) => [draft, identityOf(draft)]));
  const inOrder = drafts.toSorted(
    (a, b) =>
      compareTexts(keyOf(a.key), keyOf(b.key)) ||
      compareTexts(identities.get(a) ?? '', identities.get(b) ?? ''),
  );
  return new Map(inOrder.map((draft) => [draft, keys.reserve(draft.key)]));
}

function channelIdentity({ server, extension, address }: ChannelDraft): string {
  return JSON.stringify([server, extension.filter ?? '', address?.address ?? '', extension]);
}

function messageIdentity({ contract, contentType, headers = false, summary = '' }: MessageDraft): string {
  const { template = '', summary: text = summary, description = '', tags = [] } = contract ?? {};
  return JSON.stringify([template, contentType, text, description, tags, headers]);
}

function operationIdentity(
  { action, channel, extension, queue = '' }: OperationDraft,
  channels: ReadonlyMap<ChannelDraft, string>,
): string {
  return JSON.stringify([channels.get(channel), action, queue, extension]);
}
