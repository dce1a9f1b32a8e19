import {
  DEAD_LETTER_HEADERS,
  DEAD_LETTER_STREAM,
  type DeadLetterFilter,
  filtersOf,
} from '../../consuming/index.js';
import { type MessageContract, NOT_CONNECTED, type StandardSchema } from '../../contracts/index.js';
import {
  type ConsumerPlan,
  handlerName,
  type KvWatchPlan,
  type ObjectWatchPlan,
  type SubscribePlan,
} from '../../handlers/index.js';
import type { JsonSchema } from '../schemas/index.js';
import { consumerExtension, descriptionOf } from './consumer-extension.js';
import { payloadOf, type PayloadMethod } from './declared-payload.js';
import type { ChannelForm, Drafting } from './drafting.js';
import type { MessageDraft } from './drafts.js';
import { OBJECT_INFO } from './object-info.js';
import type { Payloads } from './payloads.js';
import { given } from './plain.js';
import type { OperationExtension } from './extensions.interface.js';
import type { System } from './systems.js';

/** The messages that a handler receives. */
interface Received {
  readonly contracts: readonly MessageContract[];
  /** The schema in the options of the handler. */
  readonly schema?: StandardSchema | undefined;
  readonly isBatch?: boolean | undefined;
  readonly contentType: string;
  readonly headers?: JsonSchema | undefined;
}

/** Describes decorated handlers: what they receive, and how. */
export class HandlerOperations {
  constructor(
    private readonly drafting: Drafting,
    private readonly payloads: Payloads,
  ) {}

  async consumer(plan: ConsumerPlan, system: System): Promise<void> {
    const { options } = plan;
    const stream = plan.stream === NOT_CONNECTED || plan.stream === '' ? undefined : plan.stream;
    const extension: OperationExtension = {
      ...consumerExtension(options, stream),
      handler: plan.handler,
      connection: plan.connection.name,
      ...(plan.deadLetters ? { deadLetters: textsOf(plan.deadLetters) } : {}),
    };
    for (const { method } of plan.methods) {
      const patterns = method.patterns.length > 0 ? method.patterns : filtersOf(options);
      const filters = method.contracts.length > 0 ? method.contracts.map(({ filter }) => filter) : patterns;
      const ofStream = stream === undefined ? undefined : system.subjectsOf(stream);
      const subjects = filters.length > 0 ? filters : ofStream;
      await this.receive(handlerName(method), system, subjects, {
        method,
        extension,
        description: descriptionOf(options),
        form: { kind: 'stream', stream },
        received: {
          contracts: method.contracts,
          schema: method.contracts.length > 0 ? undefined : options.schema,
          isBatch: options.batch !== undefined,
          contentType: (options.codec ?? plan.connection.jetstream.declarations.codecOfStream(plan.stream))
            .contentType,
          headers: plan.stream === DEAD_LETTER_STREAM ? deadLetterHeaders() : undefined,
        },
      });
    }
  }

  async subscription({ definition, handler, connection }: SubscribePlan, system: System): Promise<void> {
    const { subject, options, contract } = definition.metadata;
    await this.receive(handler, system, [subject], {
      method: definition,
      extension: given<OperationExtension>({
        kind: 'subscription',
        handler,
        connection: connection.name,
        concurrency: options.concurrency ?? 1,
      }),
      queue: options.queue,
      form: { kind: 'core' },
      received: { contracts: contract ? [contract] : [], contentType: system.contentTypeOf(subject) },
    });
  }

  async kvWatch({ definition, handler, connection }: KvWatchPlan, system: System): Promise<void> {
    const { bucket, options } = definition.metadata;
    const { keys: _, connection: __, resumeFromRevision: ___, ...flags } = options;
    const keys = [options.keys ?? '>'].flat();
    const subjects = keys.map((key) => `$KV.${bucket}.${key}`);
    await this.receive(handler, system, subjects, {
      method: definition,
      extension: {
        ...given<OperationExtension>({
          kind: 'key-value-watch',
          handler,
          connection: connection.name,
          bucket,
          keys,
        }),
        ...given<Partial<OperationExtension>>(flags),
      },
      form: { kind: 'key-value', bucket },
      keyOf: (subject) => subject.replace('$KV.', 'kv.'),
      received: { contracts: [], contentType: system.contentTypeOf(`$KV.${bucket}.>`) },
    });
  }

  async objectWatch({ definition, handler, connection }: ObjectWatchPlan, system: System): Promise<void> {
    const { bucket, options } = definition.metadata;
    const { connection: _, ...flags } = options;
    const channel = this.drafting.channel(system, `$O.${bucket}.M.*`, {
      kind: 'object-store',
      bucket,
      key: `objects.${bucket}`,
    });
    this.drafting.add({
      key: handler,
      action: 'receive',
      channel,
      messages: [this.objectMessage()],
      extension: {
        ...given<OperationExtension>({ kind: 'object-watch', handler, connection: connection.name, bucket }),
        ...given<Partial<OperationExtension>>(flags),
      },
    });
  }

  /** The description of an object, which is the same in all buckets. */
  objectMessage(): MessageDraft {
    return this.drafting.shared(OBJECT_INFO, 'application/json', () => ({
      key: 'ObjectInfo',
      summary: 'The description of an object: its name, size and digest',
      payload: { fixed: OBJECT_INFO },
      contentType: 'application/json',
    }));
  }

  /** One operation for each subject, because an operation has one channel. */
  private async receive(
    name: string,
    system: System,
    /** Without subjects, they are only known to the server. */
    subjects: readonly string[] | undefined,
    {
      method,
      extension,
      form,
      received,
      queue,
      description,
      keyOf = () => undefined,
    }: {
      readonly method: PayloadMethod;
      readonly extension: OperationExtension;
      readonly form: ChannelForm;
      readonly received: Received;
      readonly queue?: string | undefined;
      readonly description?: string | undefined;
      readonly keyOf?: (subject: string) => string | undefined;
    },
  ): Promise<void> {
    const about = { action: 'receive', queue, description, extension } as const;
    if (subjects === undefined || subjects.length === 0) {
      const { stream = 'unknown' } = form;
      const channel = this.drafting.channelWithoutAddress(system, `stream.${stream}`, {
        ...form,
        description: 'All messages of the stream, whose subjects are configured on the server.',
      });
      return this.drafting.add({
        ...about,
        key: name,
        channel,
        messages: await this.messages(name, method, received, system, undefined),
      });
    }
    for (const subject of subjects) {
      const preferred = keyOf(subject);
      const key = preferred?.replaceAll('*', 'token').replaceAll('>', 'rest');
      const channel = this.drafting.channel(system, subject, { ...form, key });
      this.drafting.add({
        ...about,
        key: subjects.length === 1 ? name : `${name}.${channel.key}`,
        channel,
        messages: await this.messages(name, method, received, system, subject),
      });
    }
  }

  private async messages(
    name: string,
    method: PayloadMethod,
    { contracts, schema, isBatch, contentType, headers }: Received,
    system: System,
    filter: string | undefined,
  ): Promise<readonly MessageDraft[]> {
    const named = contracts.filter((contract) => filter === undefined || contract.filter === filter);
    if (named.length > 0) return named.map((contract) => this.drafting.messageOf(system, contract));
    const declared = schema === undefined ? payloadOf(method) : { schema };
    // The parameter of a batch is the list of its payloads.
    const payload = isBatch === true && schema === undefined ? {} : declared;
    if (filter !== undefined && !(await this.payloads.isDeclared(payload))) {
      const covered = this.drafting.coveredBy(system, filter);
      if (covered.length > 0) return covered;
    }
    return [await this.payloads.message(name, payload, contentType, given({ headers }))];
  }
}

function deadLetterHeaders(): JsonSchema {
  const names = Object.values(DEAD_LETTER_HEADERS);
  return { type: 'object', properties: Object.fromEntries(names.map((name) => [name, { type: 'string' }])) };
}

function textsOf(filter: DeadLetterFilter): Readonly<Record<string, string>> {
  const { stream, consumer, handler, reason, subject } = filter;
  return given<Record<string, string>>({ stream, consumer, handler, reason, subject });
}
