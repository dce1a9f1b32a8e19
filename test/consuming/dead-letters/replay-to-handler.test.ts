import { Injectable, UseGuards, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  DeadLetters,
  JetStreamContext,
  JetStreamService,
  JsConsumer,
  JsHandler,
  JsMetadata,
  ReplayFailedError,
  TerminateMessage,
  type MessageMetadata,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication } from '../../support/application.js';
import { eventually } from '../../support/eventually.js';
import { startFailing } from './failing-application.js';

describe('a replay to the handler', () => {
  let server: NatsTestServer;
  let serial = 0;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  /** Starts providers, lets their handlers fail on one payload for each subject, and replays all dead letters. */
  async function failAndReplay(
    makeProvider: (stream: string, isFixed: () => boolean) => new () => object,
    subjects: readonly string[],
  ): Promise<void> {
    const stream = `TASKS_${++serial}`;
    let fixed = false;
    await using application = await startApplication(server.url, {
      feature: { streams: [{ name: stream, subjects: [`${serial}.>`], storage: 'memory' }] },
      providers: [makeProvider(stream, () => fixed)],
    });
    const deadLetters = application.app.get(DeadLetters);
    for (const subject of subjects) {
      await application.app.get(JetStreamService).publish(`${serial}.${subject}`, { of: subject });
    }
    await eventually(
      () => deadLetters.page({ stream }),
      ({ letters }) => letters.length === subjects.length,
    );
    fixed = true;
    expect(await deadLetters.replayAll({ stream }, { to: 'handler' })).toEqual({
      replayed: subjects.length,
      failed: [],
    });
  }

  it('runs its enhancers, and counts as one more delivery', async () => {
    const seen: unknown[] = [];
    class Guard implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        seen.push(`guard ${context.switchToRpc().getContext<JetStreamContext>().subject}`);
        return true;
      }
    }
    await failAndReplay(
      (stream, isFixed) => {
        @Injectable()
        class Tasks {
          @UseGuards(Guard)
          @JsConsumer({ stream, durable: 'worker', deadLetter: true })
          onTask(@Payload() task: unknown, @JsMetadata() metadata: MessageMetadata): void {
            if (!isFixed()) throw new TerminateMessage('not yet');
            const { consumer, deliveryCount, streamSequence } = metadata;
            seen.push([task, metadata.stream === stream, consumer, deliveryCount, streamSequence]);
          }
        }
        return Tasks;
      },
      ['new'],
    );
    const guard = `guard ${serial}.new`;
    expect(seen).toEqual([guard, guard, [{ of: 'new' }, true, 'worker', 2, 1]]);
  });

  it('selects the method of a class by the subject', async () => {
    const seen: string[] = [];
    await failAndReplay(
      (stream, isFixed) => {
        @Injectable()
        @JsConsumer({ stream, durable: 'worker', deadLetter: true })
        class Tasks {
          @JsHandler('*.created')
          created(@Payload('of') of: string): void {
            if (!isFixed()) throw new TerminateMessage('not yet');
            seen.push(`created ${of}`);
          }

          @JsHandler('*.cancelled')
          cancelled(@Payload('of') of: string): void {
            if (!isFixed()) throw new TerminateMessage('not yet');
            seen.push(`cancelled ${of}`);
          }
        }
        return Tasks;
      },
      ['created', 'cancelled'],
    );
    expect(seen).toEqual(['created created', 'cancelled cancelled']);
  });

  it('passes a batch of one message to a batch handler', async () => {
    const seen: unknown[] = [];
    await failAndReplay(
      (stream, isFixed) => {
        @Injectable()
        class Tasks {
          @JsConsumer({ stream, durable: 'worker', deadLetter: true, batch: { size: 2, maxWait: 50 } })
          onTasks(@Payload() tasks: unknown[]): void {
            if (!isFixed()) throw new TerminateMessage('not yet');
            seen.push(tasks);
          }
        }
        return Tasks;
      },
      ['a', 'b'],
    );
    expect(seen).toEqual([[{ of: 'a' }], [{ of: 'b' }]]);
  });

  it.each<[string, boolean, (context: JetStreamContext) => unknown]>([
    ['acknowledges it', true, (context) => context.ack()],
    ['confirms it', true, (context) => context.doubleAck()],
    ['requests a redelivery', false, (context) => context.nak()],
    ['terminates it', false, (context) => context.term()],
    ['does not settle it', false, () => undefined],
  ])('to a handler that settles manually and %s: done is %s', async (_, done, settle) => {
    const stream = { name: `TASKS_${++serial}`, subjects: [`${serial}`] };
    let fixed = false;
    await using application = await startFailing(server.url, {
      stream,
      options: { ackMode: 'manual' },
      handle: (_task, context) => {
        if (!fixed) throw new TerminateMessage('not yet');
        context.inProgress();
        return settle(context);
      },
    });
    await application.publish(stream.subjects[0], { id: 1 });
    await application.settled();
    const filter = { stream: stream.name };
    fixed = true;
    const { replayed, failed } = await application.deadLetters.replayAll(filter, { to: 'handler' });
    expect(replayed).toBe(done ? 1 : 0);
    expect(failed.map(({ error }) => error.constructor)).toEqual(done ? [] : [ReplayFailedError]);
    expect((await application.deadLetters.page(filter)).letters).toHaveLength(done ? 0 : 1);
  });
});
