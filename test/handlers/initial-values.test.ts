import { Injectable } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  BootTimeoutError,
  Handlers,
  JetStreamService,
  JsConsumer,
  KeyValueService,
  KvContext,
  KvWatch,
  ObjectStoreService,
  ObjectWatch,
  OnJetStreamEvent,
  type JetStreamEvent,
  type KeyValue,
  type KvWatchHandlerOptions,
  type ObjectInfo,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

const WAIT = { waitForInitialValues: true } as const;
const MEMORY = { storage: 'memory' } as const;
const seen: unknown[] = [];
const events: string[] = [];

@Injectable()
class Events {
  @OnJetStreamEvent('watch-initialized', 'bucket-recreated', 'consumer-lost', 'consumer-recovered')
  on(event: JetStreamEvent): void {
    events.push('source' in event ? `${event.type} ${event.handler} ${event.source}` : event.type);
  }
}

/** A watch that calls a function with each value. */
function watchOf(
  bucket: string,
  handle: (value: number, key: string) => unknown,
  options: KvWatchHandlerOptions = WAIT,
): new () => object {
  @Injectable()
  class Flags {
    @KvWatch(bucket, options)
    onFlag(@Payload() value: number, @Ctx() { key }: KvContext): unknown {
      return handle(value, key);
    }
  }
  return Flags;
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

describe.each(['2.15', '2.9'])('waitForInitialValues on nats-server %s', (version) => {
  let server: NatsTestServer;
  let owner: TestApplication;
  let serial = 0;
  let bucket = '';

  beforeAll(async () => {
    server = await NatsTestServer.start({ version });
    owner = await startApplication(server.url, {
      feature: { streams: [{ name: 'ORDERS', subjects: ['orders.>'], ...MEMORY }] },
    });
  });
  afterAll(async () => {
    await owner.app.close();
    await server.stop();
  });
  beforeEach(() => {
    bucket = `flags_${++serial}`;
    seen.length = 0;
    events.length = 0;
  });

  /** Creates the bucket with the values 1 to `count`. */
  async function fill(count: number): Promise<KeyValue<number>> {
    const flags = await owner.app.get(KeyValueService).create<number>({ bucket, ...MEMORY });
    await Promise.all(Array.from({ length: count }, (_, i) => flags.put(`flag-${i + 1}`, i + 1)));
    return flags;
  }

  function start(providers: (new () => object)[], bootTimeout?: number): Promise<TestApplication> {
    return startApplication(server.url, { options: { bootTimeout }, providers: [Events, ...providers] });
  }

  it('starts when all values are handled, and handles messages only then', async () => {
    const flags = await fill(5);
    await owner.app.get(JetStreamService).publish('orders.placed', { id: 'order' });
    @Injectable()
    class Orders {
      @JsConsumer({ stream: 'ORDERS', durable: bucket })
      onOrder(@Payload() { id }: { readonly id: string }): void {
        seen.push(id);
      }
    }
    const onFlag = async (value: number): Promise<void> => {
      await pause();
      seen.push(value);
    };
    await using application = await start([Orders, watchOf(bucket, onFlag)]);
    expect(new Set(seen.slice(0, 5))).toEqual(new Set([1, 2, 3, 4, 5]));
    expect(events).toEqual([`watch-initialized Flags.onFlag ${bucket}`]);
    await flags.put('flag-6', 6);
    await eventually(
      () => seen,
      (values) => values.length === 7,
    );
    expect(new Set(seen.slice(5))).toEqual(new Set([6, 'order']));
    expect(events).toHaveLength(1);
    expect(application.logs.of('warn')).toEqual([]);
  });

  it('does not wait by default', async () => {
    await fill(1);
    let finish = (): void => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    await using application = await start([watchOf(bucket, () => finished, {})]);
    expect(events).toEqual([]);
    await eventually(
      () => application.app.get(Handlers).get('Flags.onFlag').running,
      (running) => running === 1,
    );
    finish();
    await eventually(
      () => events,
      (types) => types.length === 1,
    );
    expect(events).toEqual([`watch-initialized Flags.onFlag ${bucket}`]);
  });

  it.each<[string, KvWatchHandlerOptions]>([
    ['without any value', WAIT],
    ['without a value of its keys', { ...WAIT, keys: 'others.>' }],
    ['with deleted values only', { ...WAIT, ignoreDeletes: true, keys: 'deleted' }],
  ])('starts at once %s', async (name, options) => {
    const flags = await fill(name.includes('any') ? 0 : 2);
    if (options.ignoreDeletes) {
      await flags.put('deleted', 1);
      await flags.delete('deleted');
    }
    await using _ = await start([watchOf(bucket, (value) => seen.push(value), options)]);
    expect(seen).toEqual([]);
    expect(events).toEqual([`watch-initialized Flags.onFlag ${bucket}`]);
  });

  it('waits for many values', async () => {
    await fill(3_000);
    await using application = await start([watchOf(bucket, (value) => seen.push(value))]);
    expect(new Set(seen).size).toBe(3_000);
    expect(application.app.get(Handlers).get('Flags.onFlag')).toMatchObject({ handled: 3_000, running: 0 });
  });

  it('starts after a value that keeps failing is skipped', async () => {
    await fill(2);
    const failing = (value: number): void => {
      seen.push(value);
      if (value === 1) throw new Error('no');
    };
    await using application = await start([watchOf(bucket, failing)]);
    expect(seen.filter((value) => value === 1)).toHaveLength(4);
    expect(seen).toContain(2);
    expect(application.app.get(Handlers).get('Flags.onFlag')).toMatchObject({ handled: 2, failed: 1 });
    expect(application.logs.of('error', 'KvWatch')).toHaveLength(1);
  });

  it.each(['pause', 'stop'] as const)('no longer waits for a watch after %s', async (command) => {
    await fill(3);
    const commands: Promise<void>[] = [];
    let handlers: Handlers | undefined;
    @Injectable()
    class Flags {
      constructor(all: Handlers) {
        handlers = all;
      }
      @KvWatch(bucket, WAIT)
      async onFlag(@Payload() value: number): Promise<void> {
        await pause();
        seen.push(value);
        if (seen.length === 1 && handlers) commands.push(handlers[command]('Flags.onFlag'));
      }
    }
    Reflect.defineMetadata('design:paramtypes', [Handlers], Flags);
    await using application = await start([Flags as never]);
    await Promise.all(commands);
    expect(seen).toHaveLength(1);
    expect(application.logs.of('warn', 'KvWatch')).toEqual([
      `Flags.onFlag was ${command === 'pause' ? 'paused' : 'stopped'} before it had handled the values of bucket ` +
        `"${bucket}": the startup does not wait for it`,
    ]);
    expect(events).toEqual([]);
    await application.app.get(Handlers)[command === 'pause' ? 'resume' : 'start']('Flags.onFlag');
    await eventually(
      () => events,
      (types) => types.length === 1,
    );
    expect(seen).toHaveLength(3);
    expect(new Set(seen)).toEqual(new Set([1, 2, 3]));
    expect(events).toEqual([`watch-initialized Flags.onFlag ${bucket}`]);
  });

  it('does not start if the values are not handled within bootTimeout', async () => {
    await fill(2);
    const hanging = (value: number): Promise<void> | undefined =>
      seen.push(value) === 2 ? new Promise<void>(() => undefined) : undefined;
    const failed: unknown = await start([watchOf(bucket, hanging)], 1_500).then(
      ({ app }) => app.close(),
      (error: unknown) => error,
    );
    expect(failed).toBeInstanceOf(BootTimeoutError);
    expect(String(failed)).toContain(
      `did not start within 1500 ms (last step: waiting until Flags.onFlag has handled the values of bucket "${bucket}"): ` +
        '1 value handled, and the next one has not ended.',
    );
  });

  it('does not start if its connection is closed meanwhile', async () => {
    await fill(2);
    let jetstream: JetStreamService | undefined;
    @Injectable()
    class Flags {
      constructor(service: JetStreamService) {
        jetstream = service;
      }
      @KvWatch(bucket, WAIT)
      async onFlag(): Promise<void> {
        await jetstream?.connection.nc.close();
        await pause();
      }
    }
    Reflect.defineMetadata('design:paramtypes', [JetStreamService], Flags);
    await expect(start([Flags as never])).rejects.toThrow(/Flags\.onFlag: .*closed/);
  });

  it('cannot be combined with updatesOnly', async () => {
    await fill(0);
    await owner.app.get(ObjectStoreService).create({ bucket, ...MEMORY });
    const contradictory = { waitForInitialValues: true, updatesOnly: true } as never;
    @Injectable()
    class Files {
      @ObjectWatch(bucket, contradictory)
      onFile(): void {}
    }
    await expect(start([watchOf(bucket, () => undefined, contradictory), Files])).rejects.toThrow(
      /Flags\.onFlag, Files\.onFile: waitForInitialValues and updatesOnly cannot be combined/,
    );
  });

  it('waits for the objects of a bucket', async () => {
    const files = await owner.app.get(ObjectStoreService).create({ bucket, ...MEMORY });
    for (const name of ['a', 'b', 'c']) await files.putString({ name }, 'content');
    @Injectable()
    class Files {
      @ObjectWatch(bucket, WAIT)
      async onFile(@Payload() { name }: ObjectInfo): Promise<void> {
        await pause();
        seen.push(name);
      }
    }
    await using _ = await start([Files]);
    expect(seen).toEqual(['a', 'b', 'c']);
    expect(events).toEqual([`watch-initialized Files.onFile ${bucket}`]);
  });

  describe('after a bucket was created again', () => {
    it('a watch of keys reports it, and then that the new values are handled', async () => {
      const flags = await fill(3);
      await using application = await start([watchOf(bucket, (value) => seen.push(value))]);
      await owner.app.get(KeyValueService).delete(bucket);
      await fill(1);
      await application.app.get(JetStreamService).connection.nc.reconnect();
      await eventually(
        () => events,
        (types) => types.length === 5,
      );
      expect(events).toEqual(
        [
          'watch-initialized',
          'consumer-lost',
          'bucket-recreated',
          'consumer-recovered',
          'watch-initialized',
        ].map((type) => `${type} Flags.onFlag ${bucket}`),
      );
      expect(seen).toHaveLength(4);
      await flags.put('flag-2', 2);
      await eventually(
        () => seen,
        (values) => values.length === 5,
      );
    });

    it('a watch of objects reports it too, and handles objects whose revisions are lower', async () => {
      const stores = owner.app.get(ObjectStoreService);
      const files = await stores.create({ bucket, ...MEMORY });
      for (const name of ['a', 'b', 'c']) await files.putString({ name }, 'content');
      @Injectable()
      class Files {
        @ObjectWatch(bucket)
        onFile(@Payload() { name }: ObjectInfo): void {
          seen.push(name);
        }
      }
      await using application = await start([Files]);
      await eventually(
        () => events,
        (types) => types.length === 1,
      );
      // It is opened again after the last object, and receives lower revisions afterwards.
      const handlers = application.app.get(Handlers);
      await handlers.stop('Files.onFile');
      await handlers.start('Files.onFile');
      await eventually(
        () => events,
        (types) => types.length === 2,
      );
      events.length = 0;
      await stores.delete(bucket);
      await (await stores.create({ bucket, ...MEMORY })).putString({ name: 'new' }, 'content');
      await application.app.get(JetStreamService).connection.nc.reconnect();
      await eventually(
        () => events,
        (types) => types.length === 4,
      );
      expect(seen).toEqual(['a', 'b', 'c', 'new']);
      expect(events.map((event) => event.split(' ')[0])).toEqual([
        'consumer-lost',
        'bucket-recreated',
        'consumer-recovered',
        'watch-initialized',
      ]);
    });

    it('a watch reports it that was stopped meanwhile', async () => {
      await fill(3);
      await using application = await start([watchOf(bucket, (value) => seen.push(value))]);
      expect(events).toHaveLength(1);
      const handlers = application.app.get(Handlers);
      await handlers.stop('Flags.onFlag');
      await owner.app.get(KeyValueService).delete(bucket);
      await fill(2);
      events.length = 0;
      await handlers.start('Flags.onFlag');
      await eventually(
        () => events,
        (types) => types.length === 2,
      );
      expect(events).toEqual([
        `bucket-recreated Flags.onFlag ${bucket}`,
        `watch-initialized Flags.onFlag ${bucket}`,
      ]);
      expect(seen).toHaveLength(5);
    });
  });
});
