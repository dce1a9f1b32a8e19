import { Controller, Injectable, type Type } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import {
  JetStreamBatchContext,
  JetStreamContext,
  JsConsumer,
  KvContext,
  KvWatch,
  NatsSubscribe,
  ObjectWatch,
  PublishTo,
  RetryMessage,
  type JetStreamMessage,
  type JsConsumerOptions,
  type ObjectInfo,
} from 'nestjs-nats-jetstream';
import {
  JetStreamEventContext,
  type EventExtras,
  type RequestExtras,
} from 'nestjs-nats-jetstream/microservice';
import { sleep } from '../../../lib/timing/index.js';
import { effectKeyOf, orderKeyOf } from '../model/forms.js';
import { now } from '../model/clock.js';
import type { ProcessSettings } from './settings.js';
import type { Work } from './work.js';

/** Servers are unreachable for longer than that, so that messages are redelivered. */
const ACK_WAIT = 2_000;

/** The last versions that watches have received. */
export interface Seen {
  readonly keys: Map<string, number>;
  readonly objects: Map<string, number>;
}

/** Handlers of every form, which record what they do. */
export function handlersOf(
  work: Work,
  seen: Seen,
  { hasCumulative }: Pick<ProcessSettings, 'hasCumulative'>,
): { readonly providers: Type[]; readonly controllers: Type[] } {
  const { recorder } = work;
  const received = (source: string, number: number): void =>
    recorder.note({ type: 'received', source, number, at: now() });

  @Injectable()
  class Workers {
    @JsConsumer(own('sync', { concurrency: 64 }))
    sync(@Payload() id: number, @Ctx() { metadata }: JetStreamContext): void {
      work.begin('sync', id, metadata);
      work.end('sync', id, metadata);
    }

    @JsConsumer(own('async', { concurrency: 64 }))
    async async(@Payload() id: number, @Ctx() { metadata }: JetStreamContext): Promise<void> {
      await work.handle('async', id, metadata, () => {
        if (metadata.deliveryCount === 1 && id % 64 === 5) throw new RetryMessage(50);
      });
    }

    @JsConsumer(own('batch', { concurrency: 2, batch: { size: 50, maxWait: 20 } }))
    async batch(@Payload() ids: number[], @Ctx() { messages }: JetStreamBatchContext): Promise<void> {
      await handleAll('batch', ids, messages);
    }

    @JsConsumer(own('keyed', { concurrency: 16, orderBy: (message) => orderKeyOf(Number(message.text())) }))
    async keyed(@Payload() id: number, @Ctx() { metadata }: JetStreamContext): Promise<void> {
      await work.handle('keyed', id, metadata);
    }

    @JsConsumer(
      own('push', { concurrency: 16, push: { deliverSubject: 'deliver.push', deliverGroup: 'workers' } }),
    )
    async push(@Payload() id: number, @Ctx() { metadata }: JetStreamContext): Promise<void> {
      await work.handle('push', id, metadata);
    }

    @JsConsumer({ stream: 'WORK', filterSubjects: 'work.ephemeral', concurrency: 16, ackWait: ACK_WAIT })
    async ephemeral(@Payload() id: number, @Ctx() { metadata }: JetStreamContext): Promise<void> {
      await work.handle('ephemeral', id, metadata);
    }

    @JsConsumer({ stream: 'WORK', ordered: true, deliverPolicy: 'all', filterSubjects: 'work.ordered' })
    ordered(@Payload() id: number, @Ctx() { metadata }: JetStreamContext): void {
      work.begin('ordered', id, metadata);
      work.end('ordered', id, metadata);
    }

    @JsConsumer(
      own('idempotent', {
        concurrency: 128,
        idempotent: { bucket: 'done', key: (id: number) => String(effectKeyOf(id)) },
      }),
    )
    async idempotent(@Payload() id: number, @Ctx() { metadata }: JetStreamContext): Promise<void> {
      await work.handle('idempotent', id, metadata);
    }

    @JsConsumer(own('forward', { concurrency: 128 }))
    @PublishTo('work.forwarded')
    async forward(@Payload() id: number, @Ctx() { metadata }: JetStreamContext): Promise<number> {
      await work.handle('forward', id, metadata);
      return id;
    }

    @JsConsumer(own('forwarded', { concurrency: 64 }))
    forwarded(@Payload() origin: number, @Ctx() { metadata }: JetStreamContext): void {
      work.begin('forwarded', origin, metadata);
      work.end('forwarded', origin, metadata);
    }

    @KvWatch('state')
    key(@Ctx() { key, revision }: KvContext): void {
      received(`watch ${key}`, revision);
      seen.keys.set(key, revision);
    }

    @ObjectWatch('files')
    object(@Payload() { name, size }: ObjectInfo): void {
      seen.objects.set(name, size);
    }

    @NatsSubscribe('core.*')
    core(@Payload() number: number): void {
      received('core', number);
    }

    @NatsSubscribe('shared', { queue: 'shared', concurrency: 2 })
    async shared(@Payload() number: number): Promise<void> {
      await sleep(10);
      received('shared', number);
    }
  }

  @Injectable()
  class Accumulator {
    @JsConsumer(own('cumulative', { batch: { size: 20, maxWait: 20 }, ackPolicy: 'all' }))
    async cumulative(@Payload() ids: number[], @Ctx() { messages }: JetStreamBatchContext): Promise<void> {
      await handleAll('cumulative', ids, messages);
    }
  }

  async function handleAll(
    form: 'batch' | 'cumulative',
    ids: readonly number[],
    messages: readonly Pick<JetStreamMessage, 'metadata'>[],
  ): Promise<void> {
    for (const [i, { metadata }] of messages.entries()) work.begin(form, ids[i], metadata);
    await work.pause();
    for (const [i, { metadata }] of messages.entries()) work.end(form, ids[i], metadata);
  }

  @Controller()
  class Service {
    @EventPattern<unknown>('work.event', { ...microservice('event'), concurrency: 16 } satisfies EventExtras)
    async event(@Payload() id: number, @Ctx() { metadata }: JetStreamEventContext): Promise<void> {
      await work.handle('event', id, metadata);
    }

    @MessagePattern('work.request', { ...microservice('request'), mode: 'jetstream' } satisfies RequestExtras)
    async request(@Payload() id: number, @Ctx() { metadata }: JetStreamEventContext): Promise<number> {
      await work.handle('request', id, metadata);
      return 2 * id;
    }

    @MessagePattern('double')
    double(@Payload() number: number): number {
      return 2 * number;
    }
  }
  return { providers: hasCumulative ? [Workers, Accumulator] : [Workers], controllers: [Service] };
}

/** A durable consumer with the name of its form. */
function own(form: string, options: Partial<JsConsumerOptions>): JsConsumerOptions {
  return {
    stream: 'WORK',
    durable: form,
    filterSubjects: `work.${form}`,
    ackWait: ACK_WAIT,
    ...options,
  } as JsConsumerOptions;
}

/** Messages must not become dead letters because faults use up their deliveries. */
function microservice(durable: string) {
  return {
    stream: 'WORK',
    durable,
    concurrency: 5,
    ackWait: ACK_WAIT,
    retry: { maxDeliver: 1_000 },
  } as const;
}
