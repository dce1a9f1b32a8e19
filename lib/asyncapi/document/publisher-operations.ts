import 'reflect-metadata';
import { type PublishToMetadata, templateFilter } from '../../consuming/index.js';
import type { FeatureMessages, MessageContract } from '../../contracts/index.js';
import {
  type ConsumerPlan,
  type HandlerMethod,
  handlerName,
  readPublishTargets,
} from '../../handlers/index.js';
import type { Drafting } from './drafting.js';
import type { ChannelDraft, MessageDraft } from './drafts.js';
import type { OperationExtension } from './extensions.interface.js';
import type { Payloads } from './payloads.js';
import { given } from './plain.js';
import type { System } from './systems.js';

/** Describes what an application sends: the messages of its publishers, and the results of its handlers. */
export class PublisherOperations {
  constructor(
    private readonly systems: ReadonlyMap<string, System>,
    private readonly drafting: Drafting,
    private readonly payloads: Payloads,
  ) {}

  publishers({ connection, contracts }: FeatureMessages): void {
    const system = this.systems.get(connection);
    if (system === undefined) return;
    for (const contract of contracts) {
      const channel = this.channelOf(system, contract);
      this.drafting.add({
        key: `send.${channel.key}`,
        action: 'send',
        channel,
        messages: [this.drafting.messageOf(system, contract)],
        extension: given<OperationExtension>({
          kind: 'publisher',
          connection,
          stream: channel.extension.stream,
        }),
      });
    }
  }

  /** The results of the handlers of a consumer. */
  async results({ methods, connection: own }: ConsumerPlan): Promise<void> {
    for (const { method } of methods) {
      const { targets } = readPublishTargets(method.callback);
      for (const target of targets) {
        const connection = target.options.connection ?? own.name;
        const system = this.systems.get(connection);
        if (system === undefined) continue;
        const handler = handlerName(method);
        const channel = this.targetChannel(system, target, handler);
        this.drafting.add({
          key: targets.length === 1 ? `${handler}.send` : `${handler}.send.${channel.key}`,
          action: 'send',
          channel,
          messages: [await this.result(system, target, method, channel)],
          extension: given<OperationExtension>({
            kind: 'result',
            handler,
            connection,
            stream: channel.extension.stream,
            subject: subjectText(target),
          }),
        });
      }
    }
  }

  private channelOf(system: System, { filter, core }: MessageContract): ChannelDraft {
    return this.drafting.channel(system, filter, { kind: core ? 'core' : 'stream' });
  }

  private targetChannel(system: System, target: PublishToMetadata, handler: string): ChannelDraft {
    const { contract, subject } = target;
    if (contract !== undefined) return this.channelOf(system, contract);
    if (typeof subject === 'string') {
      return this.drafting.channel(system, templateFilter(subject), { kind: 'stream' });
    }
    return this.drafting.channelWithoutAddress(system, `${handler}.send`, {
      kind: 'stream',
      description: 'A function chooses the subject of each message.',
    });
  }

  private async result(
    system: System,
    { contract, options }: PublishToMetadata,
    method: HandlerMethod,
    channel: ChannelDraft,
  ): Promise<MessageDraft> {
    if (contract !== undefined) return this.drafting.messageOf(system, contract);
    const { filter } = channel.extension;
    const contentType = options.codec?.contentType ?? system.contentTypeOf(filter ?? '>');
    const type = returnType(method);
    const [covered] = filter === undefined ? [] : this.drafting.coveredBy(system, filter);
    if (covered !== undefined && !(await this.payloads.isDeclared({ type }))) return covered;
    return this.payloads.message(`${handlerName(method)}.result`, { type }, contentType);
  }
}

/** The declared type of what a method returns; TypeScript emits nothing about the value of a promise. */
export function returnType({ target, method }: Pick<HandlerMethod, 'target' | 'method'>): unknown {
  const type: unknown = Reflect.getMetadata('design:returntype', target.prototype as object, method);
  // The items of a list are published one by one.
  return type === Array ? undefined : type;
}

function subjectText({ contract, subject }: PublishToMetadata): string | undefined {
  if (contract !== undefined) return contract.template;
  return typeof subject === 'string' ? subject : 'function';
}
