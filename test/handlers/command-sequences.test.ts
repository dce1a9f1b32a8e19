import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  Handlers,
  JetStreamService,
  JsConsumer,
  KeyValueService,
  KvWatch,
  ObjectStoreService,
  ObjectWatch,
  NatsSubscribe,
  type ObjectInfo,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

const COMMANDS = ['start', 'pause', 'resume', 'stop'] as const;
type Command = (typeof COMMANDS)[number];

/** The number of messages or batches that each handler may have in flight. */
const CONCURRENCY = {
  onOne: 1,
  onKeyed: 4,
  onBatch: 1,
  onOrdered: 1,
  onPushed: 1,
  onEntry: 1,
  onObject: 1,
  onMessage: 2,
} as const;
type Method = keyof typeof CONCURRENCY;
const METHODS = Object.keys(CONCURRENCY) as Method[];
/** Handlers that get every message, including those published while they were paused or stopped. */
const LOSSLESS = METHODS.filter((method) => method !== 'onMessage');

/** The calls in flight at a time during the whole life of the application, over all runs of a handler. */
class Work {
  readonly most = new Map<string, number>();
  readonly sharedKeys: string[] = [];
  private readonly counts = new Map<string, Map<string, number>>();
  private readonly active = new Map<string, number>();

  /** How often a handler received each of its payloads. */
  countsOf(method: Method): Map<string, number> {
    const counts = this.counts.get(method) ?? new Map<string, number>();
    this.counts.set(method, counts);
    return counts;
  }

  async on(method: Method, ids: readonly string[], key = ''): Promise<void> {
    for (const place of [method, `${method} ${key}`]) {
      const now = (this.active.get(place) ?? 0) + 1;
      this.active.set(place, now);
      if (place === method) this.most.set(method, Math.max(now, this.most.get(method) ?? 0));
      else if (key !== '' && now > 1) this.sharedKeys.push(place);
    }
    const counts = this.countsOf(method);
    for (const id of ids.map(String)) counts.set(id, (counts.get(id) ?? 0) + 1);
    await delay(2);
    for (const place of [method, `${method} ${key}`])
      this.active.set(place, (this.active.get(place) ?? 0) - 1);
  }
}

interface Setup extends TestApplication {
  readonly name: string;
  readonly work: Work;
  readonly handlers: Handlers;
  /** Publishes the given number of payloads for each handler; returns their ids. */
  publish(count: number): Promise<readonly string[]>;
}

let server: NatsTestServer;
let serial = 0;

async function setUp(): Promise<Setup> {
  const name = `SEQUENCE_${++serial}`;
  const work = new Work();
  const stream = name;
  @Injectable()
  class All {
    @JsConsumer({ stream, durable: 'one' })
    onOne(@Payload() id: string): Promise<void> {
      return work.on('onOne', [id]);
    }
    @JsConsumer({ stream, durable: 'keyed', concurrency: 4, orderBy: 1 })
    onKeyed(@Payload() id: string): Promise<void> {
      return work.on('onKeyed', [id], `key ${Number(id) % 3}`);
    }
    @JsConsumer({ stream, durable: 'batch', batch: { size: 3, maxWait: 5 } })
    onBatch(@Payload() ids: string[]): Promise<void> {
      return work.on('onBatch', ids);
    }
    @JsConsumer({ stream, ordered: true, deliverPolicy: 'all' })
    onOrdered(@Payload() id: string): Promise<void> {
      return work.on('onOrdered', [id]);
    }
    @JsConsumer({ stream, durable: 'pushed', push: {} })
    onPushed(@Payload() id: string): Promise<void> {
      return work.on('onPushed', [id]);
    }
    @KvWatch(name)
    onEntry(@Payload() id: string): Promise<void> {
      return work.on('onEntry', [id]);
    }
    @ObjectWatch(name)
    onObject(@Payload() { description }: ObjectInfo): Promise<void> {
      return work.on('onObject', [description]);
    }
    @NatsSubscribe(`${name}.*`, { concurrency: 2 })
    onMessage(@Payload() id: string): Promise<void> {
      return work.on('onMessage', [id]);
    }
  }
  const application = await startApplication(server.url, {
    feature: {
      streams: [{ name, subjects: [`${name}.*`], storage: 'memory' }],
      keyValues: [{ bucket: name, storage: 'memory' }],
      objectStores: [{ bucket: name, storage: 'memory' }],
    },
    options: { shutdownTimeout: 5_000 },
    providers: [All],
  });
  const { app } = application;
  const jetstream = app.get(JetStreamService);
  const bucket = await app.get(KeyValueService).open<string>(name);
  const store = await app.get(ObjectStoreService).open(name);
  let last = 0;
  return {
    ...application,
    name,
    work,
    handlers: app.get(Handlers),
    publish: async (count) => {
      const ids = Array.from({ length: count }, () => String(++last));
      await Promise.all(
        ids.flatMap((id) => [
          jetstream.publish(`${name}.${Number(id) % 3}`, id),
          bucket.put(id, id),
          store.putString({ name: id, description: id }, id),
        ]),
      );
      return ids;
    },
  };
}

/** The status of a handler after a sequence of commands. */
function statusAfter(commands: readonly Command[]): string {
  let status = 'running';
  for (const command of commands) {
    if (command === 'stop') status = 'stopped';
    else if (command === 'start' && status === 'stopped') status = 'running';
    else if (command === 'pause' && status === 'running') status = 'paused';
    else if (command === 'resume' && status === 'paused') status = 'running';
  }
  return status;
}

/** Sends the commands to all handlers while they are busy; returns the problems. */
async function problemsAfter(setup: Setup, commands: readonly (Command | 'wait')[]): Promise<string[]> {
  const { handlers, work, publish, name } = setup;
  const all = (command: Command): Promise<void>[] =>
    METHODS.map((method) => handlers[command](`All.${method}`));
  const problems: string[] = [];
  const during = await publish(12);
  const given: Promise<void>[] = [];
  for (const command of commands) {
    if (command === 'wait') await Promise.all(given);
    else given.push(...all(command));
  }
  await Promise.all(given);
  const expected = statusAfter(commands.filter((command) => command !== 'wait'));
  for (const { handler, status } of handlers.list()) {
    if (status !== expected) problems.push(`${handler} is ${status}, not ${expected}`);
  }
  await Promise.all(all('start'));
  await Promise.all(all('resume'));
  problems.push(...(await lost(setup, LOSSLESS, during)));
  // An ordered handler that is started again reads its stream again.
  await (await setup.app.get(JetStreamService).stream(name)).purge();
  await handlers.idle();
  // The same after an awaited stop and start: no earlier call may still be running.
  await Promise.all(all('stop'));
  await Promise.all(all('start'));
  const after = await publish(6);
  problems.push(...(await lost(setup, METHODS, after)));
  await handlers.idle();
  for (const method of METHODS) {
    const counts = work.countsOf(method);
    const repeated = after.filter((id) => (counts.get(id) ?? 0) > 1);
    if (repeated.length > 0) problems.push(`${method} got ${repeated.join(', ')} more than once`);
    const most = work.most.get(method) ?? 0;
    if (most > CONCURRENCY[method]) problems.push(`${method} had ${most} in flight`);
  }
  for (const key of work.sharedKeys) problems.push(`${key} was in flight twice`);
  return problems.map((problem) => `${problem} after ${commands.join(', ')}`);
}

async function lost({ work }: Setup, methods: readonly Method[], ids: readonly string[]): Promise<string[]> {
  const missing = (): string[] =>
    methods.flatMap((method) => {
      const without = ids.filter((id) => !work.countsOf(method).has(id));
      return without.length > 0 ? [`${method} did not get ${without.join(', ')}`] : [];
    });
  await eventually(missing, ({ length }) => length === 0).catch(() => undefined);
  return missing();
}

/** The same numbers, from 0 up to a bound, in each run of the tests (mulberry32). */
function randomly(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4_294_967_296) * bound);
  };
}

function randomCommands(random: (bound: number) => number, waits: boolean): (Command | 'wait')[] {
  const length = 3 + random(6);
  return Array.from({ length }, () => {
    const command = COMMANDS[random(COMMANDS.length)];
    return waits && random(3) === 0 ? [command, 'wait' as const] : [command];
  }).flat();
}

describe('commands that are not awaited', () => {
  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  it.each([
    'start, stop, resume, start',
    'pause, start, stop, start',
    'stop, start, resume',
    'stop, resume, start, resume',
    'pause, stop, resume, start, resume',
    'pause, start, stop, resume, start, resume',
    'pause, start, stop, start, resume, pause, start, stop, start, resume',
    'stop, start, stop, start, stop, start',
    'start, stop',
    'start, stop, start, stop',
    'stop, pause',
    'stop, start, pause',
    'pause, resume, pause, resume, pause',
    'wait, pause, wait, resume, stop, start',
  ])('%s', async (text) => {
    await using setup = await setUp();
    expect(await problemsAfter(setup, text.split(', ') as (Command | 'wait')[])).toEqual([]);
  });

  it.each([1, 2, 3, 4])('seed %i: random commands', async (seed) => {
    const random = randomly(seed);
    await using setup = await setUp();
    for (let i = 0; i < 6; i++) {
      expect(await problemsAfter(setup, randomCommands(random, i % 2 === 1))).toEqual([]);
    }
  });
});
