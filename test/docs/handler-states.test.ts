import { readFile } from 'node:fs/promises';
import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  Handlers,
  JetStreamService,
  JsConsumer,
  KvWatch,
  ObjectWatch,
  NatsSubscribe,
  type HandlerState,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { expect, it } from 'vitest';
import { startApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

@Injectable()
class All {
  @JsConsumer({ stream: 'S', durable: 'pull', circuitBreaker: { failureRatio: 1, window: 1, pause: 60_000 } })
  pull(): never {
    throw new Error('not now');
  }
  @JsConsumer({ stream: 'S', durable: 'batch', batch: { size: 2, maxWait: 10 } })
  batch(@Payload() _values: unknown[]): void {}
  @JsConsumer({ stream: 'S', durable: 'push', push: {} })
  push(): void {}
  @JsConsumer({ stream: 'S', ordered: true })
  ordered(): void {}
  @KvWatch('values')
  key(): void {}
  @ObjectWatch('files')
  object(): void {}
  @NatsSubscribe('core')
  core(): void {}
  @NatsSubscribe('core', { enabled: false })
  later(): void {}
}

it('docs/concurrency.md names every field of the states of handlers, with every kind and status', async () => {
  const page = await readFile(new URL('../../docs/concurrency.md', import.meta.url), 'utf8');
  const [, section = ''] = page.split('`Handlers.list()` and `get(handler)` give for each handler:\n');
  const [table = ''] = section.trim().split('\n\n');
  const rows = table.split('\n').map((row) => row.split('|').map((cell) => cell.trim()));
  const words = (cell = ''): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word);
  const documented = rows.flatMap(([, field]) => words(field));
  const meaningOf = (name: string): string[] =>
    words(rows.find(([, field]) => words(field).includes(name))?.[2]);

  await using server = await NatsTestServer.start();
  await using application = await startApplication(server.url, {
    feature: {
      streams: [{ name: 'S', subjects: ['s'], storage: 'memory' }],
      keyValues: [{ bucket: 'values', storage: 'memory' }],
      objectStores: [{ bucket: 'files', storage: 'memory' }],
    },
    providers: [All],
  });
  const handlers = application.app.get(Handlers);
  await application.app.get(JetStreamService).publish('s', 1);
  await eventually(
    () => handlers.get('All.pull'),
    ({ circuitOpen }) => circuitOpen,
  );
  await handlers.pause('All.batch');
  await handlers.stop('All.push');
  const states: readonly HandlerState[] = handlers.list();
  expect(new Set(states.map(({ kind }) => kind)).size).toBe(4);

  const fields = new Set(states.flatMap((state) => Object.keys(state)));
  expect(documented.toSorted()).toEqual([...fields].toSorted());
  for (const { kind, status } of states) {
    expect(meaningOf('kind')).toContain(kind);
    expect(meaningOf('status')).toContain(status);
  }
});
