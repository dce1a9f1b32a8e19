import type { MessageContract } from '../../contracts/index.js';
import { subjectCovers } from '../../jetstream/index.js';
import { addressOfContract, addressOfFilter } from './addresses.js';
import type { ChannelDraft, MessageDraft, OperationDraft } from './drafts.js';
import type { ChannelExtension } from './extensions.interface.js';
import { compareTexts, Keys } from './keys.js';
import { given } from './plain.js';
import type { System } from './systems.js';

/** How a channel is described. */
export interface ChannelForm {
  readonly kind: ChannelExtension['kind'];
  readonly stream?: string | undefined;
  readonly bucket?: string | undefined;
  /** The preferred key. Default: the address. */
  readonly key?: string | undefined;
  readonly description?: string | undefined;
}

/** Collects channels, messages and operations, before they get their keys. */
export class Drafting {
  readonly channels = new Map<string, ChannelDraft>();
  readonly operations: OperationDraft[] = [];
  private readonly contracts = new Map<System, MessageContract[]>();
  private readonly messages = new Map<MessageContract, MessageDraft>();
  private readonly named = new Map<unknown, Map<string, MessageDraft>>();

  /** The keys of the servers, by the names of their systems: names of connections may be any text. */
  readonly serverKeys: ReadonlyMap<string, string>;

  constructor(private readonly systems: ReadonlyMap<string, System>) {
    const keys = new Keys();
    const names = [...systems.keys()].toSorted(compareTexts);
    this.serverKeys = new Map(names.map((name) => [name, keys.reserve(name)]));
  }

  /** Registers a contract, so that all channels with its subjects have the names of its parameters. */
  know(system: System, contract: MessageContract): void {
    const known = this.contracts.get(system) ?? [];
    if (known.includes(contract)) return;
    known.push(contract);
    known.sort((a, b) => compareTexts(a.name, b.name));
    this.contracts.set(system, known);
  }

  /** The messages of contracts on subjects that a filter covers. */
  coveredBy(system: System, filter: string): readonly MessageDraft[] {
    const known = this.contracts.get(system) ?? [];
    // Most contracts differ in the first token, which is cheap to compare in large applications.
    const [first] = filter.split('.', 1);
    const beginsAlike = (other: string): boolean =>
      first === '*' || first === '>' || other === first || other.startsWith(`${first}.`);
    return known
      .filter((contract) => beginsAlike(contract.filter) && subjectCovers(filter, contract.filter))
      .map((contract) => this.messageOf(system, contract));
  }

  /** The channel of the subjects that match a filter. */
  channel(system: System, filter: string, form: ChannelForm): ChannelDraft {
    const contract = this.contracts.get(system)?.find((each) => each.filter === filter);
    const address = contract ? addressOfContract(contract) : addressOfFilter(filter);
    const key = form.key ?? contract?.name ?? (address?.address ?? filter).replaceAll(/[{}]/g, '');
    const stream = form.stream ?? (form.kind === 'stream' ? system.streamOf(filter) : undefined);
    const extension = given<ChannelExtension>({
      kind: form.kind,
      filter,
      stream,
      bucket: form.bucket,
    });
    const draft = this.put(system, `subject ${filter}`, { ...form, key, address, extension });
    // Subscriptions of core NATS may receive messages of a stream.
    if (draft.extension.kind === 'core' && form.kind === 'stream') draft.extension = extension;
    return draft;
  }

  /** A channel whose subjects are only known at run time. */
  channelWithoutAddress(system: System, key: string, form: ChannelForm): ChannelDraft {
    const extension = given<ChannelExtension>({
      kind: form.kind,
      filter: undefined,
      stream: form.stream,
      bucket: form.bucket,
    });
    return this.put(system, `key ${key}`, { ...form, key, address: undefined, extension });
  }

  /** The message of a contract. */
  messageOf(system: System, contract: MessageContract): MessageDraft {
    let draft = this.messages.get(contract);
    if (draft === undefined) {
      const { schema, contentType = system.contentTypeOf(contract.filter) } = contract;
      const payload = schema === undefined ? { fixed: {} } : { schema };
      draft = { key: contract.name, payload, contentType, contract };
      this.messages.set(contract, draft);
    }
    return draft;
  }

  /** A message that is the same wherever its class or schema is used with the same codec. */
  shared(identity: unknown, contentType: string, create: () => MessageDraft): MessageDraft {
    const drafts = this.named.get(identity) ?? new Map<string, MessageDraft>();
    this.named.set(identity, drafts);
    const draft = drafts.get(contentType) ?? create();
    drafts.set(contentType, draft);
    return draft;
  }

  add(operation: OperationDraft): void {
    this.operations.push(operation);
    for (const message of operation.messages) operation.channel.messages.add(message);
    for (const message of operation.reply?.messages ?? []) operation.reply?.channel.messages.add(message);
  }

  /** The name of a system among the servers of the document. */
  nameOf(system: System): string {
    const [found] = [...this.systems].find(([, each]) => each === system) ?? [system.name];
    return found;
  }

  private put(
    system: System,
    identity: string,
    {
      key,
      address,
      extension,
      description,
    }: Pick<ChannelDraft, 'key' | 'address' | 'extension' | 'description'>,
  ): ChannelDraft {
    const server = this.nameOf(system);
    const id = `${server}\n${identity}`;
    let draft = this.channels.get(id);
    if (draft === undefined) {
      const preferred = server === this.main ? key : `${server}.${key}`;
      draft = { key: preferred, server, address, description, extension, messages: new Set() };
      this.channels.set(id, draft);
    }
    return draft;
  }

  /** The system whose channels have no prefix. */
  private get main(): string | undefined {
    return this.systems.has('default') ? 'default' : [...this.systems.keys()].toSorted(compareTexts)[0];
  }
}
