import { Injectable } from '@nestjs/common';
import { Ctx } from '@nestjs/microservices';
import {
  DeadLetterContext,
  HandlerConfigurationError,
  OnDeadLetter,
  type OnDeadLetterOptions,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../../support/application.js';
import { eventually } from '../../support/eventually.js';
import { startFailing, type FailingApplication } from './failing-application.js';

/** Services often have classes of the same name. */
describe('@OnDeadLetter methods of one name in two services', () => {
  let server: NatsTestServer;
  let failing: FailingApplication;

  beforeAll(async () => {
    server = await NatsTestServer.start();
    failing = await startFailing(server.url, {
      stream: { name: 'TASKS', subjects: ['tasks.>'] },
      handle: () => {
        throw new Error('no');
      },
    });
  });
  afterAll(async () => {
    await failing[Symbol.asyncDispose]();
    await server.stop();
  });

  /** Starts a service with a class `Alerts` and a method `on`. */
  function start(options: OnDeadLetterOptions, heard: string[]): Promise<TestApplication> {
    @Injectable()
    class Alerts {
      @OnDeadLetter(options)
      on(@Ctx() { deadLetter }: DeadLetterContext): void {
        heard.push(deadLetter.subject);
      }
    }
    return startApplication(server.url, { providers: [Alerts] });
  }

  it.each<[string, OnDeadLetterOptions, OnDeadLetterOptions]>([
    ['streams', { stream: 'TASKS' }, { stream: 'OTHER' }],
    ['a stream and all', { stream: 'TASKS' }, {}],
    ['consumers', { consumer: 'worker' }, { consumer: 'other' }],
    ['handlers', { handler: 'Tasks.onTask' }, { handler: 'Other.on' }],
    ['reasons', { reason: 'deliveries used up' }, { reason: 'other' }],
    ['subjects', { subject: 'tasks.>' }, { subject: 'other.>' }],
  ])('for different %s both receive their dead letters', async (_, first, second) => {
    const heard: string[] = [];
    await using one = await start(first, heard);
    await using two = await start(second, []);
    for (const application of [one, two]) {
      expect(application.logs.of('log', 'JetStreamProvisioning').join()).not.toContain('updated');
    }
    await failing.publish('tasks.a', { id: 1 });
    await eventually(
      () => heard,
      (subjects) => subjects.includes('tasks.a'),
    );
  });

  it.each<[string, OnDeadLetterOptions, OnDeadLetterOptions]>([
    ['streams', { stream: 'TASKS' }, { stream: 'OTHER' }],
    ['reasons', { reason: 'deliveries used up' }, { reason: 'other' }],
    ['subjects', { subject: 'tasks.>' }, {}],
  ])('with the same durable and different %s stop the second boot', async (what, first, second) => {
    const durable = `alerts-${what}`;
    const heard: string[] = [];
    await using _ = await start({ ...first, durable }, heard);
    const error: unknown = await start({ ...second, durable }, []).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(HandlerConfigurationError);
    expect(String(error)).toContain(`Alerts.on: the durable "${durable}" of the dead-letter stream`);
    // Instances of one service share it.
    await using same = await start({ ...first, durable }, heard);
    expect(same.logs.of('log', 'JetStreamProvisioning')).toEqual([]);
    await failing.publish('tasks.b', { id: 1 });
    await eventually(
      () => heard,
      (subjects) => subjects.includes('tasks.b'),
    );
  });
});
