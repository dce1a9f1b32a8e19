import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { JetStreamEvents, JsConsumer, type JetStreamEvent } from 'nestjs-nats-jetstream';
import { finalize } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.js';
import { storage } from './behaviors.js';
import {
  Bench,
  hasCause,
  misusesOf,
  textsOf,
  type Misuse,
  type ServiceHook,
  type Told,
} from './services/bench.js';
import { keyValueHooks } from './services/key-value.js';
import { listenerHooks, listeningProviders } from './services/listeners.js';
import { objectStoreHooks } from './services/object-store.js';
import { publishingHooks } from './services/publishing.js';
import { receivingHooks } from './services/receiving.js';
import { signalHooks } from './services/signals.js';

const rooms: Readonly<Record<string, readonly ServiceHook[]>> = {
  publishing: publishingHooks,
  receiving: receivingHooks,
  signals: signalHooks,
  'key-value': keyValueHooks,
  'object store': objectStoreHooks,
  listeners: listenerHooks,
};
const hooks = Object.values(rooms).flat();

/** The messages of an unrelated handler, with the value that an earlier message left in its asynchronous context. */
const neighbor = new Map<string, string | undefined>();
const events: JetStreamEvent[] = [];
let bench: Bench;

beforeAll(async () => {
  @Injectable()
  class Neighbor {
    @JsConsumer({ stream: 'NEIGHBOR', durable: 'neighbor' })
    on(@Payload('id') id: string): void {
      neighbor.set(id, storage.getStore());
    }
  }
  bench = await Bench.start({
    providers: [Neighbor, ...listeningProviders()],
    streams: [
      { name: 'NEIGHBOR', subjects: ['neighbor'], storage: 'memory' },
      {
        name: 'BULK',
        subjects: ['bulk.>'],
        storage: 'memory',
        allowBatchPublish: true,
        allowAtomicPublish: true,
      },
    ],
  });
  bench.app.get(JetStreamEvents).all.subscribe((event) => events.push(event));
});
afterAll(() => bench[Symbol.asyncDispose]());

describe.each(Object.entries(rooms))('%s', (_, room) => {
  describe.each(room)('$name', (hook) => {
    it.each(misusesOf(hook, hooks.indexOf(hook)))('$behavior', { timeout: 20_000 }, async (misuse) => {
      const { id } = misuse;
      const told = await hook.use(bench, misuse);
      await bench.jetstream.publish('neighbor', { id });
      await eventually(() => neighbor.has(id), Boolean, 5_000);
      expect(neighbor.get(id)).toBeUndefined();
      expect(events.filter(({ type }) => type === 'disconnected')).toEqual([]);
      expect(bench.linesWith('\nfaked line')).toEqual([]);
      const { jetstream } = bench;
      await eventually(
        () => jetstream.requests.size + jetstream.publishAsyncPending,
        (size) => size === 0,
        3_000,
      );
      await eventually(
        () => problemsOf(hook, misuse, told),
        (problems) => problems.length === 0,
        3_000,
      );
    });
  });
});

it('subscribers of events whose teardown throws do not block the shutdown', async () => {
  const own = await Bench.start({});
  const events$ = own.app.get(JetStreamEvents).all;
  const throws = (): never => {
    throw new Error('teardown');
  };
  let completed = 0;
  events$.pipe(finalize(throws)).subscribe();
  events$.subscribe().add(throws);
  events$.subscribe({ complete: () => completed++ });
  await own[Symbol.asyncDispose]();
  expect(completed).toBe(1);
  expect(own.linesWith('A subscriber of JetStreamEvents.all failed')).not.toEqual([]);
});

/** The problems of the report of a failure: one log line, or the error of the caller, has to name its cause. */
function problemsOf(hook: ServiceHook, misuse: Misuse, told: Told | undefined): string[] {
  if (!hasCause(hook, misuse)) return [];
  const lines = bench.linesWith(misuse.cause.replace('\n', '\\n'));
  const problems: string[] = [];
  if (hook.logged) {
    if (lines.length !== 1) problems.push(`${lines.length} lines name the cause`);
    for (const words of hook.logged(misuse)) {
      if (!lines[0]?.includes(words)) problems.push(`"${lines[0]}" lacks "${words}"`);
    }
  } else {
    if (lines.length > 0) problems.push(`it is logged too: ${lines[0]}`);
    if (!told || !textsOf(told).includes(`<${misuse.id}>`))
      problems.push('the error of the caller does not name the cause');
  }
  return problems;
}
