import { once } from 'node:events';
import { Injectable, type Type } from '@nestjs/common';
import { HandlerConfigurationError, JsConsumer, type PullJsConsumerOptions } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ExitWhenClosed } from '../../docs/snippets/production.js';
import { startApplication, type TestApplication } from '../support/application.js';

it('ends the process when the connection is closed permanently', async () => {
  await using server = await NatsTestServer.start();
  await using _application = await startApplication(server.url, {
    connection: { reconnectTimeWait: 10, maxReconnectAttempts: 2 },
    providers: [ExitWhenClosed],
  });
  const signal = once(process, 'SIGTERM');
  await server.stop();
  expect(await signal).toContain('SIGTERM');
});

it('does not end the process in a normal shutdown', async () => {
  await using server = await NatsTestServer.start();
  const application = await startApplication(server.url, { providers: [ExitWhenClosed] });
  let signals = 0;
  const count = (): number => signals++;
  process.on('SIGTERM', count);
  onTestFinished(() => void process.off('SIGTERM', count));
  await application.app.close();
  // A signal that the process sends to itself arrives in a later turn; this one arrives after any other.
  const last = once(process, 'SIGWINCH');
  process.kill(process.pid, 'SIGWINCH');
  await last;
  expect(signals).toBe(0);
});

describe('a rolling update that changes a consumer', () => {
  it.each<[string, Change]>([
    ['filterSubjects', { filterSubjects: 's.a' }],
    ['ackWait', { ackWait: 40_000 }],
    ['headersOnly', { headersOnly: true }],
    ['fewer deliveries', { retry: { maxDeliver: 3 } }],
  ])('applies %s, and warns', async (_, change) => {
    await using server = await NatsTestServer.start();
    await using _old = await start(server.url, {});
    await using changed = await start(server.url, change);
    expect(changed.logs.of('warn').join()).toContain('Consumer "d" of stream "S" updated');
  });

  it.each<[string, Change]>([
    ['maxAckPending', { maxAckPending: 10 }],
    ['description', { description: 'other' }],
    ['metadata', { metadata: { team: 'a' } }],
    ['inactiveThreshold', { inactiveThreshold: 3_600_000 }],
    ['maxRequestBatch', { maxRequestBatch: 100 }],
  ])('applies %s', async (_, change) => {
    await using server = await NatsTestServer.start();
    await using _old = await start(server.url, {});
    await using changed = await start(server.url, change);
    expect(changed.logs.of('log').join()).toContain('Consumer "d" of stream "S" updated');
  });

  it.each<[string, Change, string]>([
    ['deliverPolicy', { deliverPolicy: 'new' }, 'use another name'],
    ['replayPolicy', { replayPolicy: 'original' }, 'use another name'],
    ['memoryStorage', { memoryStorage: true }, 'use another name'],
    ['ackMode none', { ackMode: 'none' }, 'use another name'],
    ['maxWaiting', { maxWaiting: 64 }, 'max waiting can not be updated'],
  ])('refuses %s', async (_, change, problem) => {
    await using server = await NatsTestServer.start();
    await using _old = await start(server.url, {});
    const refusal = await start(server.url, change).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(HandlerConfigurationError);
    expect(String(refusal)).toContain(problem);
  });

  it('does not store concurrency', async () => {
    await using server = await NatsTestServer.start();
    await using _old = await start(server.url, {});
    await using changed = await start(server.url, { concurrency: 8, retry: { backoff: [5] }, orderBy: 0 });
    expect(changed.logs.of('log').concat(changed.logs.of('warn')).join()).not.toContain('updated');
  });
});

type Change = Partial<PullJsConsumerOptions>;

/** Starts an application with a handler of the consumer `d`. */
function start(url: string, options: Change): Promise<TestApplication> {
  return startApplication(url, {
    feature: { streams: [{ name: 'S', subjects: ['s.>'], storage: 'memory' }] },
    providers: [handlerOf(options)],
  });
}

function handlerOf(options: Change): Type {
  @Injectable()
  class Billing {
    @JsConsumer({ stream: 'S', durable: 'd', ...options })
    bill(): void {}
  }
  return Billing;
}
