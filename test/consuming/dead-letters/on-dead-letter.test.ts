import { Injectable, UseInterceptors, type CallHandler, type ExecutionContext } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  DeadLetterContext,
  HandlerConfigurationError,
  OnDeadLetter,
  TerminateMessage,
  type OnDeadLetterOptions,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import type { Observable } from 'rxjs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApplication } from '../../support/application.js';
import { eventually } from '../../support/eventually.js';
import { startFailing, type Handle } from './failing-application.js';

describe('@OnDeadLetter', () => {
  let server: NatsTestServer;
  let serial = 0;
  const seen: unknown[] = [];

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());
  beforeEach(() => {
    seen.length = 0;
  });

  const fail: Handle = ({ id }) => {
    if (id % 2 === 0) throw new TerminateMessage('even');
    throw new Error('odd');
  };
  const newStream = (): { name: string; subjects: string[] } => ({
    name: `TASKS_${++serial}`,
    subjects: [`tasks.${serial}`],
  });

  it('is called for each dead letter, with the original and all details', async () => {
    const around: string[] = [];
    class Tracing {
      intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
        around.push(`${context.getClass().name}.${context.getHandler().name}`);
        return next.handle() as Observable<unknown>;
      }
    }
    @Injectable()
    class Alerts {
      @UseInterceptors(Tracing)
      @OnDeadLetter()
      onDeadLetter(@Payload('id') id: number, @Ctx() { deadLetter }: DeadLetterContext): void {
        const { stream, subject, handler, deliveries, reason, error } = deadLetter;
        seen.push({ id, stream, subject, handler, deliveries, reason, error });
      }
    }
    const stream = newStream();
    await using application = await startFailing(server.url, { stream, handle: fail, providers: [Alerts] });
    await application.publish(stream.subjects[0], { id: 1 }, { id: 2 });
    await eventually(
      () => seen.length,
      (n) => n === 2,
    );
    const common = { stream: stream.name, subject: stream.subjects[0], handler: 'Tasks.onTask' };
    expect(seen).toContainEqual({
      ...common,
      id: 1,
      deliveries: 2,
      reason: 'deliveries used up',
      error: 'Error: odd',
    });
    expect(seen).toContainEqual({
      ...common,
      id: 2,
      deliveries: 1,
      reason: 'even',
      error: 'TerminateMessage: even',
    });
    expect(around).toEqual(['Alerts.onDeadLetter', 'Alerts.onDeadLetter']);
  });

  it('receives bytes if the payload cannot be decoded', async () => {
    @Injectable()
    class Spoilt {
      @OnDeadLetter({ reason: 'invalid payload' })
      onDeadLetter(@Payload() payload: unknown): void {
        seen.push(Buffer.from(payload as Uint8Array).toString());
      }
    }
    const stream = newStream();
    await using application = await startFailing(server.url, { stream, handle: fail, providers: [Spoilt] });
    await application.publish(stream.subjects[0], { id: 1 }, '{ not json');
    await eventually(
      () => seen.length,
      (n) => n > 0,
    );
    expect(seen).toEqual(['{ not json']);
  });

  it('receives only dead letters that match its filter', async () => {
    const stream = newStream();
    @Injectable()
    class Filtered {
      @OnDeadLetter({ stream: stream.name, consumer: 'worker', handler: 'Tasks.onTask', reason: 'even' })
      even(@Payload('id') id: number): void {
        seen.push(id);
      }

      @OnDeadLetter({ stream: 'OTHER' })
      other(): void {
        seen.push('other');
      }

      @OnDeadLetter({ subject: 'tasks.*.*', durable: 'Filtered-longer' })
      longer(): void {
        seen.push('longer');
      }
    }
    await using application = await startFailing(server.url, { stream, handle: fail, providers: [Filtered] });
    await application.publish(stream.subjects[0], { id: 1 }, { id: 2 }, { id: 4 });
    await eventually(
      () => seen.length,
      (n) => n === 2,
    );
    const consumer = await application.jetstream.consumer('DEAD_LETTERS', 'Filtered-longer');
    await eventually(
      () => consumer.info(),
      ({ numPending, numAckPending }) => numPending + numAckPending === 0,
    );
    expect(seen).toEqual([2, 4]);
  });

  it('runs without any other handler, and starts with the next dead letter, or with all', async () => {
    const stream = newStream();
    @Injectable()
    class Later {
      @OnDeadLetter({ stream: stream.name })
      next(@Payload('id') id: number): void {
        seen.push(`next ${id}`);
      }

      @OnDeadLetter({ stream: stream.name, durable: 'everything', deliverPolicy: 'all' })
      all(@Payload('id') id: number): void {
        seen.push(`all ${id}`);
      }
    }
    await using application = await startFailing(server.url, { stream, handle: fail });
    await application.publish(stream.subjects[0], { id: 2 });
    await application.settled();
    await using _ = await startApplication(server.url, { providers: [Later] });
    await application.publish(stream.subjects[0], { id: 4 });
    await eventually(
      () => seen.length,
      (n) => n === 3,
    );
    expect(new Set(seen)).toEqual(new Set(['all 2', 'all 4', 'next 4']));
  });

  it('is retried if it fails, then reported: there are no dead letters of dead letters', async () => {
    const stream = newStream();
    @Injectable()
    class Broken {
      @OnDeadLetter({ stream: stream.name, retry: { maxDeliver: 2, backoff: [10] } })
      onDeadLetter(): void {
        seen.push('called');
        throw new Error('no pager');
      }
    }
    await using application = await startFailing(server.url, { stream, handle: fail, providers: [Broken] });
    await application.publish(stream.subjects[0], { id: 2 });
    await eventually(
      () => application.logs.of('error', 'Settlement'),
      (lines) =>
        lines.some((line) => line.startsWith('Broken.onDeadLetter:') && line.includes('last delivery')),
    );
    expect(seen).toEqual(['called', 'called']);
    const { letters } = await application.deadLetters.page({ stream: 'DEAD_LETTERS' });
    expect(letters).toEqual([]);
    expect((await application.deadLetters.page({ stream: stream.name })).letters).toHaveLength(1);
  });

  it.each<[string, OnDeadLetterOptions, RegExp]>([
    ['an invalid stream', { stream: 'A.B' }, /Wrong\.onDeadLetter: stream must be a name/],
    ['an invalid consumer', { consumer: '*' }, /Wrong\.onDeadLetter: consumer must be a name/],
    ['an invalid subject', { subject: 'a..b' }, /Wrong\.onDeadLetter: subject must be a subject/],
  ])('%s stops the boot', async (_, options, words) => {
    @Injectable()
    class Wrong {
      @OnDeadLetter(options)
      onDeadLetter(): void {}
    }
    const boot = startApplication(server.url, { providers: [Wrong] });
    await expect(boot).rejects.toThrow(HandlerConfigurationError);
    await expect(startApplication(server.url, { providers: [Wrong] })).rejects.toThrow(words);
  });
});
