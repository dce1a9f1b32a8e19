import { Controller, Injectable, type Provider, type Type } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import {
  JetStreamContext,
  JsConsumer,
  KvContext,
  KvWatch,
  NatsSubscribeContext,
  ObjectWatch,
  NatsSubscribe,
  type ObjectInfo,
} from 'nestjs-nats-jetstream';
import { sleep } from '../../../lib/timing/index.js';

/** The forms of handlers that a stream delivers to; each has a subject of its own, `work.<form>`. */
export const FORMS = ['sync', 'async', 'batch', 'push', 'event', 'ordered'] as const;
export type Form = (typeof FORMS)[number];

/** How long an asynchronous handler takes, in milliseconds: long enough to be in flight when something fails. */
const WORK = 150;

/** The records of the handlers of one application. */
export class Journal {
  /** The numbers of the messages that each handler has finished, in order. */
  readonly finished: Readonly<Record<Form, number[]>> = {
    sync: [],
    async: [],
    batch: [],
    push: [],
    event: [],
    ordered: [],
  };
  readonly seen = { keys: new Set<string>(), objects: new Set<string>(), core: new Set<string>() };
}

/** The handlers of an application, with a journal of their own. */
export function handlersOf(journal: Journal): { readonly providers: Provider[]; readonly controller: Type } {
  const { finished, seen } = journal;

  @Injectable()
  class Workers {
    @JsConsumer({ stream: 'WORK', durable: 'sync', filterSubjects: 'work.sync', ackWait: 2_000 })
    sync(@Payload() id: number): void {
      finished.sync.push(id);
    }

    @JsConsumer({
      stream: 'WORK',
      durable: 'async',
      filterSubjects: 'work.async',
      concurrency: 5,
      ackWait: 2_000,
    })
    async async(@Payload() id: number): Promise<void> {
      await sleep(WORK);
      finished.async.push(id);
    }

    @JsConsumer({
      stream: 'WORK',
      durable: 'batch',
      filterSubjects: 'work.batch',
      batch: { size: 5, maxWait: 50 },
      ackWait: 2_000,
    })
    async batch(@Payload() ids: number[]): Promise<void> {
      await sleep(WORK);
      finished.batch.push(...ids);
    }

    @JsConsumer({
      stream: 'WORK',
      durable: 'push',
      filterSubjects: 'work.push',
      push: { deliverSubject: 'deliver.push', deliverGroup: 'workers' },
      ackWait: 2_000,
      concurrency: 5,
    })
    async push(@Payload() id: number): Promise<void> {
      await sleep(WORK);
      finished.push.push(id);
    }

    @JsConsumer({ stream: 'WORK', ordered: true, deliverPolicy: 'all', filterSubjects: 'work.ordered' })
    async ordered(@Payload() id: number, @Ctx() _context: JetStreamContext): Promise<void> {
      await sleep(10);
      finished.ordered.push(id);
    }

    @KvWatch('state')
    key(@Ctx() { key }: KvContext): void {
      seen.keys.add(key);
    }

    @ObjectWatch('files')
    object(@Payload() { name }: ObjectInfo): void {
      seen.objects.add(name);
    }

    @NatsSubscribe('core.*')
    core(@Ctx() { subject }: NatsSubscribeContext): void {
      seen.core.add(subject);
    }
  }

  @Controller()
  class Service {
    @EventPattern('work.event', { stream: 'WORK', durable: 'event', concurrency: 5, ackWait: 2_000 })
    async event(@Payload() id: number): Promise<void> {
      await sleep(WORK);
      finished.event.push(id);
    }

    @MessagePattern('double')
    double(@Payload() number: number): number {
      return 2 * number;
    }
  }
  return { providers: [Workers], controller: Service };
}
