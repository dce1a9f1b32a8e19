import type { MessageContract } from '../../contracts/index.js';
import { JetStreamServer } from '../../microservice/index.js';
import type { ServedPattern } from './application.js';
import { consumerExtension, descriptionOf } from './consumer-extension.js';
import { payloadOf } from './declared-payload.js';
import type { Drafting } from './drafting.js';
import type { MessageDraft, OperationDraft } from './drafts.js';
import type { OperationExtension } from './extensions.interface.js';
import type { Payloads } from './payloads.js';
import { given } from './plain.js';
import { returnType } from './publisher-operations.js';

/** The header of a durable request with the subject for its answer. */
const REPLY_TO = 'Request-Reply-To';

type Described = ReturnType<typeof JetStreamServer.describe>;

/** Describes the `@EventPattern` and `@MessagePattern` handlers of microservices. */
export class PatternOperations {
  constructor(
    private readonly drafting: Drafting,
    private readonly payloads: Payloads,
  ) {}

  /** The contract of a method's `MessagePipe`, before channels are named. */
  contractOf(pattern: ServedPattern): MessageContract | undefined {
    return payloadOf(pattern).contract;
  }

  /** @param several whether several services serve the pattern */
  async pattern(pattern: ServedPattern, several: boolean): Promise<void> {
    const { target, method, patterns, service } = pattern;
    const name = `${target.name}.${method}${several ? `.${service.server?.definition.name ?? ''}` : ''}`;
    for (const each of patterns) {
      const described = JetStreamServer.describe({ ...pattern, pattern: each }, service.server?.definition);
      // The startup refuses a pattern that is not a subject.
      if (/\s|^\.|\.$|\.\./.test(described.subject)) continue;
      await this.operation(name, patterns.length > 1, pattern, described);
    }
  }

  private async operation(
    name: string,
    hasSeveral: boolean,
    pattern: ServedPattern,
    described: Described,
  ): Promise<void> {
    const { system } = pattern.service;
    const { subject, mode } = described;
    const stream = mode === 'core' ? undefined : described.consumer.stream || system.streamOf(subject);
    const channel = this.drafting.channel(system, subject, {
      kind: mode === 'core' ? 'core' : 'stream',
      stream,
    });
    const key = hasSeveral ? `${name}.${channel.key}` : name;
    const messages = await this.messages(name, pattern, subject);
    this.drafting.add({
      key,
      action: 'receive',
      channel,
      messages,
      queue: mode === 'core' ? described.queue : undefined,
      description: mode === 'core' ? undefined : descriptionOf(described.consumer),
      reply: pattern.isEvent ? undefined : await this.reply(key, pattern, described),
      extension: this.extension(pattern, described, stream),
    });
  }

  private extension(
    { target, method, isEvent, service }: ServedPattern,
    described: Described,
    stream: string | undefined,
  ): OperationExtension {
    const { mode, broadcast } = described;
    const about = {
      kind: isEvent ? 'event' : 'request',
      handler: `${target.name}.${method}`,
      connection: this.drafting.nameOf(service.system),
      service: service.server?.definition.name,
      mode,
      broadcast: broadcast || undefined,
    } as const;
    if (mode === 'core') return given<OperationExtension>({ ...about, concurrency: described.concurrency });
    const { kind: _, ...consumer } = consumerExtension(described.consumer, stream);
    return given<OperationExtension>({ ...about, ...consumer });
  }

  private async messages(
    name: string,
    pattern: ServedPattern,
    subject: string,
  ): Promise<readonly MessageDraft[]> {
    const { system } = pattern.service;
    const { contract, ...payload } = payloadOf(pattern);
    if (contract !== undefined) return [this.drafting.messageOf(system, contract)];
    if (!(await this.payloads.isDeclared(payload))) {
      const covered = this.drafting.coveredBy(system, subject);
      if (covered.length > 0) return covered;
    }
    return [await this.payloads.message(name, payload, system.contentTypeOf(subject))];
  }

  /** The answers of a request: on the caller's own subject, which is only known at run time. */
  private async reply(
    key: string,
    pattern: ServedPattern,
    { mode, subject }: Described,
  ): Promise<OperationDraft['reply']> {
    const { system } = pattern.service;
    const channel = this.drafting.channelWithoutAddress(system, `${key}.reply`, {
      kind: 'reply',
      description: 'The inbox of the caller.',
    });
    const type = returnType(pattern);
    const answer = await this.payloads.message(`${key}.answer`, { type }, system.contentTypeOf(subject));
    return { channel, messages: [answer], header: mode === 'core' ? undefined : REPLY_TO };
  }
}
