import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  Handlers,
  JetStreamEvents,
  JetStreamService,
  JsConsumer,
  type PullJsConsumerOptions,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

let server: NatsTestServer;
let serial = 0;

beforeAll(async () => {
  server = await NatsTestServer.start();
});
afterAll(() => server.stop());

async function start(
  options: Partial<PullJsConsumerOptions>,
  handle: (n: number) => unknown,
): Promise<TestApplication & { publish(...numbers: number[]): Promise<void>; events: string[] }> {
  const stream = `GATES_${++serial}`;
  @Injectable()
  class Tasks {
    @JsConsumer({ stream, durable: 'worker', retry: { backoff: [60_000] }, ...options })
    onTask(@Payload() n: number): unknown {
      return handle(n);
    }
  }
  const application = await startApplication(server.url, {
    feature: { streams: [{ name: stream, subjects: [stream], storage: 'memory' }] },
    providers: [Tasks],
  });
  const jetstream = application.app.get(JetStreamService);
  const events: string[] = [];
  application.app.get(JetStreamEvents).all.subscribe(({ type }) => events.push(type));
  return {
    ...application,
    events,
    publish: async (...numbers) => {
      for (const n of numbers) await jetstream.publish(stream, n);
    },
  };
}

it.each([
  ['succeeds', true],
  ['fails', false],
])('a message from before the circuit opened that %s does not decide the trial', async (_, succeeds) => {
  let endOld = (): void => {};
  let endTrial = (): void => {};
  const started: number[] = [];
  await using application = await start(
    { concurrency: 2, circuitBreaker: { failureRatio: 1, window: 2, pause: 100 } },
    async (n) => {
      started.push(n);
      if (n === 0) {
        await new Promise<void>((resolve) => (endOld = resolve));
        if (!succeeds) throw new Error('the old one');
      } else if (n === 3) {
        await new Promise<void>((resolve) => (endTrial = resolve));
      } else if (n < 3) throw new Error('down');
    },
  );
  await application.publish(0, 1, 2, 3);
  await eventually(
    () => started,
    (all) => all.includes(3),
  );
  expect(application.events).toEqual(['circuit-opened']);
  const handlers = application.app.get(Handlers);
  endOld();
  await eventually(
    () => handlers.get('Tasks.onTask').handled,
    (n) => n === 3,
  );
  // The trial message is still in flight, so the circuit stays open and no other message is started.
  expect(handlers.get('Tasks.onTask').circuitOpen).toBe(true);
  await application.publish(4);
  await delay(250);
  expect(started).not.toContain(4);
  endTrial();
  await eventually(
    () => started,
    (all) => all.includes(4),
  );
  expect(application.events).toEqual(['circuit-opened', 'circuit-closed']);
});

it('the rate limit is not used up while the circuit is open', async () => {
  let healthy = false;
  const handled: number[] = [];
  await using application = await start(
    {
      concurrency: 4,
      rateLimit: { messages: 6, per: 600_000 },
      circuitBreaker: { failureRatio: 1, window: 2, pause: 150 },
    },
    (n) => {
      if (!healthy) throw new Error('down');
      handled.push(n);
    },
  );
  await application.publish(1, 2);
  await eventually(
    () => application.events,
    (events) => events.includes('circuit-opened'),
  );
  // Two of six starts are used. Messages that arrive while the circuit is open check the gates repeatedly.
  healthy = true;
  await application.publish(3, 4, 5, 6);
  await eventually(
    () => handled,
    (all) => all.length === 4,
  );
  expect(handled).toEqual([3, 4, 5, 6]);
});

it.each([
  ['a rate limit of 100 days', { rateLimit: { messages: 1, per: 8_640_000_000 } }],
  [
    'a circuit breaker that pauses for 100 days',
    { circuitBreaker: { failureRatio: 1, window: 1, pause: 8_640_000_000 } },
  ],
])('%s holds', async (_, options) => {
  let calls = 0;
  await using application = await start(options, () => {
    calls++;
    throw new Error('down');
  });
  await application.publish(1, 2, 3);
  await eventually(
    () => calls,
    (n) => n >= 1,
  );
  await delay(200);
  expect(calls).toBe(1);
});
