import { Controller, Injectable, type Type } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import {
  JetStreamBatchContext,
  JetStreamContext,
  JsConsumer,
  KvContext,
  KvWatch,
  ObjectWatch,
  PublishTo,
  NatsSubscribe,
  type ObjectInfo,
} from 'nestjs-nats-jetstream';
import {
  JetStreamEventContext,
  type EventExtras,
  type RequestExtras,
} from 'nestjs-nats-jetstream/microservice';
import { sleep } from '../../../lib/timing/index.js';
import type { Form, History } from './history.js';

/** How long an asynchronous handler takes, in milliseconds: long enough to be in flight when something fails. */
const WORK = 150;
/** Servers are unreachable for longer than that, so that messages are redelivered. */
const ACK_WAIT = 2_000;

/** A mistake that can be built into a handler, to test that it is found. */
export type Mistake = 'acknowledges early' | 'drops messages' | 'overtakes' | 'none';

/** Handlers of every form, which write into a history. */
export function handlersOf(
  history: History,
  mistake: Mistake = 'none',
): { readonly providers: Type[]; readonly controllers: Type[] } {
  let calls = 0;
  const work = async (form: Form, ...sequences: number[]): Promise<void> => {
    await sleep(WORK);
    if (mistake === 'drops messages' && ++calls % 5 === 0) return;
    for (const sequence of sequences) history.finished(form, sequence);
  };

  @Injectable()
  class Workers {
    @JsConsumer({ stream: 'WORK', durable: 'sync', filterSubjects: 'work.sync', ackWait: ACK_WAIT })
    sync(@Ctx() { metadata }: JetStreamContext): void {
      history.finished('sync', metadata.streamSequence);
    }

    @JsConsumer({
      stream: 'WORK',
      durable: 'async',
      filterSubjects: 'work.async',
      concurrency: 5,
      ackWait: ACK_WAIT,
    })
    async async(@Ctx() context: JetStreamContext): Promise<void> {
      if (mistake === 'acknowledges early') context.ack();
      await work('async', context.metadata.streamSequence);
    }

    @JsConsumer({
      stream: 'WORK',
      durable: 'batch',
      filterSubjects: 'work.batch',
      batch: { size: 5, maxWait: 50 },
      ackWait: ACK_WAIT,
    })
    async batch(@Ctx() { messages }: JetStreamBatchContext): Promise<void> {
      await work('batch', ...messages.map(({ metadata }) => metadata.streamSequence));
    }

    @JsConsumer({
      stream: 'WORK',
      durable: 'cumulative',
      filterSubjects: 'work.cumulative',
      batch: { size: 5, maxWait: 50 },
      ackPolicy: 'all',
      ackWait: ACK_WAIT,
    })
    async cumulative(@Ctx() { messages }: JetStreamBatchContext): Promise<void> {
      await work('cumulative', ...messages.map(({ metadata }) => metadata.streamSequence));
    }

    @JsConsumer({
      stream: 'WORK',
      durable: 'keyed',
      filterSubjects: 'work.keyed',
      concurrency: 5,
      orderBy: keyOf,
      ackWait: ACK_WAIT,
    })
    async keyed(@Ctx() { message, metadata }: JetStreamContext): Promise<void> {
      const key = mistake === 'overtakes' ? 'same' : keyOf(message);
      history.beginKey(key, metadata.streamSequence);
      await work('keyed', metadata.streamSequence);
      history.endKey(key);
    }

    @JsConsumer({
      stream: 'WORK',
      durable: 'push',
      filterSubjects: 'work.push',
      push: { deliverSubject: 'deliver.push', deliverGroup: 'workers' },
      ackWait: ACK_WAIT,
      concurrency: 5,
    })
    async push(@Ctx() { metadata }: JetStreamContext): Promise<void> {
      await work('push', metadata.streamSequence);
    }

    @JsConsumer({ stream: 'WORK', filterSubjects: 'work.ephemeral', concurrency: 5, ackWait: ACK_WAIT })
    async ephemeral(@Ctx() { metadata }: JetStreamContext): Promise<void> {
      await work('ephemeral', metadata.streamSequence);
    }

    @JsConsumer({ stream: 'WORK', ordered: true, deliverPolicy: 'all', filterSubjects: 'work.ordered' })
    async ordered(@Ctx() { metadata }: JetStreamContext): Promise<void> {
      await sleep(10);
      history.inOrder(metadata.streamSequence);
      history.finished('ordered', metadata.streamSequence);
    }

    @JsConsumer({
      stream: 'WORK',
      durable: 'idempotent',
      filterSubjects: 'work.idempotent',
      concurrency: 5,
      idempotent: { bucket: 'done', key: (_, { metadata }) => String(metadata.streamSequence) },
      ackWait: ACK_WAIT,
    })
    async idempotent(@Ctx() { metadata }: JetStreamContext): Promise<void> {
      await work('idempotent', metadata.streamSequence);
    }

    @JsConsumer({
      stream: 'WORK',
      durable: 'forward',
      filterSubjects: 'work.forward',
      concurrency: 5,
      ackWait: ACK_WAIT,
    })
    @PublishTo('work.forwarded')
    async forward(@Ctx() { metadata }: JetStreamContext): Promise<number> {
      await work('forward', metadata.streamSequence);
      return metadata.streamSequence;
    }

    /** A result contains the sequence of its original message, which is recorded. */
    @JsConsumer({ stream: 'WORK', durable: 'forwarded', filterSubjects: 'work.forwarded', ackWait: ACK_WAIT })
    forwarded(@Payload() origin: number, @Ctx() { metadata }: JetStreamContext): void {
      history.finished('forwarded', metadata.streamSequence);
      history.forwarded(origin);
    }

    @KvWatch('state')
    key(@Ctx() { key, revision }: KvContext): void {
      history.changed(key, revision);
    }

    @ObjectWatch('files')
    object(@Payload() { name, size }: ObjectInfo): void {
      history.seen.objects.set(name, size);
    }

    @NatsSubscribe('core.*')
    core(@Payload() id: number): void {
      history.received(id);
    }

    @NatsSubscribe('shared', { queue: 'shared', concurrency: 2 })
    async shared(@Payload() id: number): Promise<void> {
      await sleep(10);
      history.received(id);
    }
  }

  @Controller()
  class Service {
    @EventPattern('work.event', {
      stream: 'WORK',
      durable: 'event',
      concurrency: 5,
      ackWait: ACK_WAIT,
      // Messages must not become dead letters because faults use up their deliveries.
      retry: { maxDeliver: 1_000 },
    } satisfies EventExtras)
    async event(@Ctx() { metadata }: JetStreamEventContext): Promise<void> {
      await work('event', metadata.streamSequence);
    }

    @MessagePattern('work.request', {
      mode: 'jetstream',
      stream: 'WORK',
      durable: 'request',
      concurrency: 5,
      ackWait: ACK_WAIT,
      retry: { maxDeliver: 1_000 },
    } satisfies RequestExtras)
    async request(@Payload() number: number, @Ctx() { metadata }: JetStreamEventContext): Promise<number> {
      await work('request', metadata.streamSequence);
      return 2 * number;
    }

    @MessagePattern('double')
    double(@Payload() number: number): number {
      return 2 * number;
    }
  }
  return { providers: [Workers], controllers: [Service] };
}

/** Four keys, by the sequence in the stream. */
function keyOf({ metadata }: { readonly metadata: { readonly streamSequence: number } }): string {
  return String(metadata.streamSequence % 4);
}
