import { Injectable, UseGuards, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  getKeyValueToken,
  Handlers,
  JetStreamService,
  KeyValueService,
  KvContext,
  KvWatch,
  OnJetStreamEvent,
  type JetStreamEvent,
  type KeyValue,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

interface Profile {
  readonly name: string;
}

const seen: unknown[] = [];

class OnlyPuts implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.switchToRpc().getContext<KvContext>().operation === 'PUT';
  }
}

@Injectable()
class Profiles {
  @KvWatch('profiles', { keys: 'sue.*' })
  onProfile(@Payload() profile: Profile | null, @Ctx() context: KvContext): void {
    seen.push([context.key, profile, context.operation, context.revision, context.initial]);
  }
}

describe.each(['2.15', '2.9'])('@KvWatch on nats-server %s', (version) => {
  let server: NatsTestServer;
  let serial = 0;

  beforeAll(async () => {
    server = await NatsTestServer.start({ version });
  });
  afterAll(() => server.stop());
  beforeEach(() => {
    seen.length = 0;
  });

  const feature = { keyValues: [{ bucket: 'profiles', storage: 'memory' as const, history: 5 }] };

  it('delivers the content of the bucket first, then each change, deletions as null', async () => {
    await using application = await startApplication(server.url, { feature });
    const profiles = application.app.get<KeyValue<Profile>>(getKeyValueToken('profiles'));
    await profiles.put('sue.home', { name: 'Sue' });
    await profiles.put('tom.home', { name: 'Tom' });
    await using watching = await startApplication(server.url, { feature, providers: [Profiles] });
    await eventually(
      () => seen.length,
      (n) => n === 1,
    );
    await profiles.put('sue.work', { name: 'S.' });
    await profiles.delete('sue.home');
    await eventually(
      () => seen.length,
      (n) => n === 3,
    );
    expect(seen).toEqual([
      ['sue.home', { name: 'Sue' }, 'PUT', 1, true],
      ['sue.work', { name: 'S.' }, 'PUT', 3, false],
      ['sue.home', null, 'DEL', 4, false],
    ]);
    expect(watching.logs.of('log', 'KvWatch')).toEqual(['Profiles.onProfile watches bucket "profiles"']);
  });

  it('retries failed entries in order, and skips those that keep failing', async () => {
    let failures = 0;
    @Injectable()
    class Failing {
      @KvWatch(`failing_${++serial}`)
      async onEntry(@Payload() value: number): Promise<void> {
        await Promise.resolve();
        if (value === 1 && ++failures < 3) throw new Error('not yet');
        seen.push(value);
      }
    }
    const bucket = `failing_${serial}`;
    await using application = await startApplication(server.url, {
      feature: { keyValues: [{ bucket, storage: 'memory' }] },
      providers: [Failing],
    });
    const values = application.app.get<KeyValue<number>>(getKeyValueToken(bucket));
    await values.put('a', 1);
    await values.put('b', 2);
    await eventually(
      () => seen.length,
      (n) => n === 2,
    );
    expect(seen).toEqual([1, 2]);
    expect(application.logs.of('warn', 'KvWatch')).toHaveLength(2);
    expect(application.logs.of('warn', 'KvWatch')[0]).toMatch(
      /Failing\.onEntry: the entry "a" .*revision 1.*not yet/,
    );
  });

  it('reports a value that is not JSON once, and delivers the others', async () => {
    @Injectable()
    class Plain {
      @KvWatch(`plain_${++serial}`)
      onEntry(@Payload() value: unknown): void {
        seen.push(value);
      }
    }
    const bucket = `plain_${serial}`;
    await using application = await startApplication(server.url, {
      feature: { keyValues: [{ bucket, storage: 'memory' }] },
      providers: [Plain],
    });
    const values = application.app.get<KeyValue>(getKeyValueToken(bucket));
    await values.put('a', Buffer.from('{ not json'));
    await values.put('b', 2);
    await eventually(
      () => seen.length,
      (n) => n === 1,
    );
    expect(seen).toEqual([2]);
    expect(application.logs.of('error', 'KvWatch')).toEqual([
      expect.stringMatching(/Plain\.onEntry: the entry "a" .*cannot be decoded/),
    ]);
  });

  it('receives an entry after a start if it was stopped before the entry was retried', async () => {
    let healthy = false;
    @Injectable()
    class Stopped {
      @KvWatch(`stopped_${++serial}`)
      onEntry(@Payload() value: number): void {
        if (!healthy) throw new Error('not yet');
        seen.push(value);
      }
    }
    const bucket = `stopped_${serial}`;
    await using application = await startApplication(server.url, {
      feature: { keyValues: [{ bucket, storage: 'memory' }] },
      providers: [Stopped],
    });
    const { app, logs } = application;
    await app.get<KeyValue<number>>(getKeyValueToken(bucket)).put('a', 1);
    const failures = (count: number): Promise<unknown> =>
      eventually(
        () => logs.of('warn', 'KvWatch').length,
        (n) => n === count,
      );
    // The first retry comes 100 ms after the first failure, the second a second later.
    await failures(2);
    await app.get(Handlers).stop('Stopped.onEntry');
    await app.get(Handlers).start('Stopped.onEntry');
    await failures(3);
    healthy = true;
    await eventually(
      () => seen.length,
      (n) => n === 1,
    );
    expect(seen).toEqual([1]);
  });

  it('continues after its bucket was deleted and created again', async () => {
    const events: string[] = [];
    @Injectable()
    class Remade {
      @KvWatch(`remade_${++serial}`)
      onEntry(@Payload() value: unknown): void {
        seen.push(value);
      }

      @OnJetStreamEvent('consumer-lost', 'consumer-recovered')
      onEvent({ type }: JetStreamEvent): void {
        events.push(type);
      }
    }
    const bucket = `remade_${serial}`;
    const config = { bucket, storage: 'memory' as const };
    await using application = await startApplication(server.url, {
      // The wait for a missing bucket is limited to that time.
      options: { jetstream: { timeout: 1_000 } },
      feature: { keyValues: [config] },
      providers: [Remade],
    });
    const values = application.app.get<KeyValue>(getKeyValueToken(bucket));
    for (const value of [1, 2, 3]) await values.put('a', value);
    await eventually(
      () => seen.length,
      (n) => n === 3,
    );
    const buckets = application.app.get(KeyValueService);
    await buckets.delete(bucket);
    // A watch checks its bucket after a reconnect or after missed heartbeats.
    await server.restart();
    await eventually(
      () => events,
      (list) => list.includes('consumer-lost'),
    );
    await buckets.create(config);
    await values.put('b', 4);
    await eventually(
      () => seen.length,
      (n) => n === 4,
    );
    expect(seen).toEqual([1, 2, 3, 4]);
    expect(events).toEqual(['consumer-lost', 'consumer-recovered']);
  });

  it('follows a recreated bucket from its start, and logs it', async () => {
    const heard: string[] = [];
    const events: string[] = [];
    const bucket = `again-${++serial}`;
    const declared = { keyValues: [{ bucket, storage: 'memory' as const }] };
    @Injectable()
    class Board {
      @KvWatch(bucket)
      onEntry(@Ctx() { key }: KvContext): void {
        heard.push(key);
      }

      @OnJetStreamEvent('consumer-lost', 'consumer-recovered')
      onEvent(event: JetStreamEvent): void {
        events.push(event.type === 'consumer-lost' ? `lost: ${event.error.name}` : event.type);
      }
    }
    await using application = await startApplication(server.url, { feature: declared, providers: [Board] });
    const buckets = application.app.get(KeyValueService);
    const old = await buckets.open(bucket);
    for (let i = 0; i < 5; i++) await old.put(`old-${i}`, i);
    await eventually(
      () => heard.length,
      (count) => count === 5,
    );
    await buckets.delete(bucket);
    const again = await buckets.create(declared.keyValues[0]);
    await again.put('new', 1);
    await application.app.get(JetStreamService).connection.nc.reconnect();
    await eventually(
      () => heard.at(-1),
      (key) => key === 'new',
    );
    expect(heard).toHaveLength(6);
    expect(events).toEqual(['lost: BucketRecreatedError', 'consumer-recovered']);
  });

  it('does not start at a revision that its bucket has not reached', async () => {
    const bucket = `far-${++serial}`;
    @Injectable()
    class Ahead {
      @KvWatch(bucket, { resumeFromRevision: 500 })
      onEntry(): void {}
    }
    const declared = { keyValues: [{ bucket, storage: 'memory' as const }] };
    await expect(startApplication(server.url, { feature: declared, providers: [Ahead] })).rejects.toThrow(
      /Ahead\.onEntry.*cannot resume from revision 500 because the last revision of the bucket is 0/,
    );
  });

  it('resumes at its revision in the same bucket, but not in a recreated one', async () => {
    const bucket = `resumed-${++serial}`;
    const declared = { bucket, storage: 'memory' as const, history: 5 };
    const heard: string[] = [];
    @Injectable()
    class Resumed {
      @KvWatch(bucket, { resumeFromRevision: 3 })
      onEntry(@Ctx() { key, revision }: KvContext): void {
        heard.push(`${key} ${revision}`);
      }
    }
    await using writing = await startApplication(server.url, { feature: { keyValues: [declared] } });
    const buckets = writing.app.get(KeyValueService);
    const first = await buckets.open(bucket);
    for (const key of ['a', 'b', 'c']) await first.put(key, 1);
    await using watching = await startApplication(server.url, { providers: [Resumed] });
    const handlers = watching.app.get(Handlers);
    await eventually(
      () => heard,
      (keys) => keys.length === 1,
    );
    await handlers.stop('Resumed.onEntry');
    await buckets.delete(bucket);
    await (await buckets.create(declared)).put('new', 1);
    await handlers.start('Resumed.onEntry');
    await eventually(
      () => heard,
      (keys) => keys.length === 2,
    );
    expect(heard).toEqual(['c 3', 'new 1']);
  });

  it('runs guards like any handler, and survives a restart of the server', async () => {
    @Injectable()
    class Guarded {
      @UseGuards(OnlyPuts)
      @KvWatch(`guarded_${++serial}`)
      onEntry(@Payload() value: unknown): void {
        seen.push(value);
      }
    }
    const bucket = `guarded_${serial}`;
    await using application = await startApplication(server.url, {
      feature: { keyValues: [{ bucket }] },
      providers: [Guarded],
    });
    const values = application.app.get<KeyValue>(getKeyValueToken(bucket));
    await values.put('a', 1);
    await eventually(
      () => seen.length,
      (n) => n === 1,
    );
    await server.restart();
    await values.put('a', 2);
    await eventually(
      () => seen.length,
      (n) => n === 2,
    );
    expect(seen).toEqual([1, 2]);
  });
});
