import { Inject, Injectable, Module } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  getObjectStoreToken,
  getKeyValueToken,
  InjectJetStream,
  InjectKeyValue,
  InjectObjectStore,
  type JetStreamContext,
  JetStreamModule,
  type JetStreamService,
  JsConsumer,
  JsHandler,
  type KeyValue,
  KvWatch,
  NatsSubscribe,
  type ObjectInfo,
  type ObjectStore,
  ObjectWatch,
  RetryMessage,
  TerminateMessage,
} from 'nestjs-nats-jetstream';
import { JetStreamTestKit } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

@Injectable()
class Files {
  constructor(
    @InjectObjectStore('files') private readonly files: ObjectStore,
    @InjectJetStream() private readonly jetstream: JetStreamService,
  ) {}

  @JsConsumer({ stream: 'WORK', durable: 'files', filterSubjects: 'work.store.*' })
  async store(@Payload() { name, text }: { readonly name: string; readonly text: string }): Promise<void> {
    await this.files.putString(name, text);
  }

  @JsConsumer({ stream: 'WORK', durable: 'removal', filterSubjects: 'work.remove.*' })
  async remove(@Payload() { name }: { readonly name: string }): Promise<void> {
    await this.files.delete(name);
  }

  @JsConsumer({ stream: 'WORK', durable: 'descriptions', filterSubjects: 'work.describe.*' })
  async describe(@Payload() { name }: { readonly name: string }): Promise<void> {
    await this.files.updateMeta(name, { description: 'described' });
    const info = await this.files.updateMeta(name, { name: `${name}.renamed` });
    await this.files.addLink(`${name}.link`, info);
    await this.files.addBucketLink(`${name}.bucket`, this.files);
  }

  @ObjectWatch('files', { updatesOnly: true, ignoreDeletes: true })
  async onFile(@Payload() { name, size }: ObjectInfo): Promise<void> {
    await this.jetstream.publish(`reports.${name}`, size);
  }
}

class Gate {
  open: () => void = () => undefined;
  readonly opened = new Promise<void>((resolve) => (this.open = resolve));
}

/** Starts work that it does not await. */
@Injectable()
class Careless {
  constructor(
    @InjectJetStream() private readonly jetstream: JetStreamService,
    @InjectKeyValue('limits') private readonly limits: KeyValue,
  ) {}

  @JsConsumer({ stream: 'WORK', durable: 'careless', filterSubjects: 'work.careless' })
  onWork(@Payload() { kind }: { readonly kind: string }): void {
    void this.report(kind);
  }

  private async report(kind: string): Promise<void> {
    if (kind === 'promises') for (let i = 0; i < 50; i++) await Promise.resolve();
    if (kind === 'turn') await new Promise((resolve) => setImmediate(resolve));
    if (kind === 'reads') {
      await this.limits.get('a.missing');
      await this.limits.get('a.missing');
    }
    await this.jetstream.publish(`reports.${kind}`, { kind });
  }

  readonly reporting = new Gate();
  readonly end = new Gate();

  @JsConsumer({ stream: 'LATE', durable: 'late' })
  onLate(): void {
    void this.reporting.opened.then(() => this.report('late'));
  }

  @JsConsumer({ stream: 'LATE', durable: 'longer' })
  onLonger(): Promise<void> {
    return this.end.opened;
  }
}

@Injectable()
class Keys {
  readonly seen: unknown[] = [];

  @KvWatch('limits', { keys: 'a.>', ignoreDeletes: true })
  onLimit(@Payload() value: unknown): void {
    this.seen.push(value);
  }
}

@Injectable()
class Reports {
  readonly contexts: JetStreamContext[] = [];

  @JsConsumer({ stream: 'REPORTS', ordered: true })
  onReport(@Payload() _size: unknown, @Ctx() context: JetStreamContext): void {
    this.contexts.push(context);
  }

  @NatsSubscribe('notes.*', { queue: 'first' })
  onNote(): void {}

  @NatsSubscribe('notes.>')
  onEveryNote(): void {}
}

@JsConsumer({ stream: 'ROUTED' })
@Injectable()
class Routes {
  @JsHandler('routed.*')
  any(): void {}

  @JsHandler('routed.one')
  one(): void {}

  @JsHandler('routed.refused')
  refuse(): void {
    throw new TerminateMessage('refused');
  }
}

@Injectable()
class Slow {
  constructor(@Inject('attempts') private readonly attempts: number[]) {}

  @JsConsumer({ stream: 'SLOW', durable: 'slow' })
  async onSlow(): Promise<void> {
    this.attempts.push(performance.now());
    if (this.attempts.length === 1) throw new RetryMessage(3_000);
  }
}

@Module({
  imports: [
    JetStreamModule.forRoot({}),
    JetStreamModule.forFeature({
      streams: [
        { name: 'WORK', subjects: ['work.>'], retention: 'workqueue' },
        { name: 'REPORTS', subjects: ['reports.>'] },
        { name: 'ROUTED', subjects: ['routed.*'] },
        { name: 'SLOW', subjects: ['slow'] },
        { name: 'LATE', subjects: ['late'] },
        { name: 'UNREAD', subjects: ['unread'] },
      ],
      keyValues: [{ bucket: 'limits' }],
      objectStores: [{ bucket: 'files' }],
    }),
  ],
  providers: [Careless, Files, Keys, Reports, Routes, Slow, { provide: 'attempts', useValue: [] }],
})
class FlowsModule {}

describe('A flow', () => {
  let kit: JetStreamTestKit;

  beforeAll(async () => {
    kit = await JetStreamTestKit.start({ imports: [FlowsModule], timeScale: 0.01 });
  });

  afterAll(() => kit.close());

  it('follows an object to its watch, and what that publishes', async () => {
    const flow = await kit.publish('work.store.x', { name: 'x', text: 'abc' }).settled();
    expect(flow.handled.map(({ handler }) => handler).sort()).toEqual([
      'Files.onFile',
      'Files.store',
      'Reports.onReport',
    ]);
    expect(flow.published.at(-1)).toMatchObject({ subject: 'reports.x', payload: 3, stream: 'REPORTS' });
  });

  it('follows changes of descriptions, and links, to their watch', async () => {
    await kit.get<ObjectStore>(String(getObjectStoreToken('files'))).putString('d', 'abc');
    await kit.idle();
    const flow = await kit.publish('work.describe.d', { name: 'd' }).settled();
    const watched = flow.handled.filter(({ handler }) => handler === 'Files.onFile');
    expect(watched.map(({ subject }) => subject)).toEqual(['d', 'd.renamed', 'd.link', 'd.bucket']);
    expect(flow.published.filter(({ subject }) => subject.startsWith('reports.'))).toHaveLength(4);
  });

  it.each(['nothing', 'promises', 'turn', 'reads'])(
    'contains what a handler has started and does not await, after %s',
    async (kind) => {
      const flow = await kit.publish('work.careless', { kind }).settled();
      expect(flow.published.map(({ subject }) => subject)).toEqual(['work.careless', `reports.${kind}`]);
      expect(flow.handled.at(-1)).toMatchObject({ handler: 'Reports.onReport', payload: { kind } });
    },
  );

  it('contains what a handler does after it has returned, while the flow is open', async () => {
    const { reporting, end } = kit.get(Careless);
    const late = kit.publish('late');
    await kit.handled('Careless.onLate');
    reporting.open();
    await kit.handled({ handler: 'Reports.onReport', subject: 'reports.late' });
    end.open();
    const flow = await late.settled();
    expect(flow.published.map(({ subject }) => subject)).toEqual(['late', 'reports.late']);
    expect(flow.handled.map(({ handler }) => handler).sort()).toEqual([
      'Careless.onLate',
      'Careless.onLonger',
      'Reports.onReport',
    ]);
  });

  it('does not wait for a watch that ignores a deletion', async () => {
    await kit.get<ObjectStore>(String(getObjectStoreToken('files'))).putString('gone', 'x');
    await kit.idle();
    const flow = await kit.publish('work.remove.gone', { name: 'gone' }).settled();
    expect(flow.handled.map(({ handler }) => handler)).toEqual(['Files.remove']);
  });

  it('follows changes of keys, with their values', async () => {
    const limits = kit.get<KeyValue>(String(getKeyValueToken('limits')));
    const flow = await kit
      .track(async () => {
        await limits.put('a.1', 1);
        await limits.put('b.1', 2);
        await limits.update('a.1', 3, (await limits.getOrThrow('a.1')).revision);
        await limits.delete('a.1');
        await limits.create('a.1', 4);
      })
      .settled();
    const changes = flow.handled.map(({ handler, subject, payload }) => [handler, subject, payload]);
    expect(changes.at(-1)).toEqual(['Keys.onLimit', 'a.1', 4]);
    expect(flow.handled.every(({ subject }) => subject === 'a.1')).toBe(true);
  });

  it('waits for the last of many changes of a key that keeps no history', async () => {
    const limits = kit.get<KeyValue>(String(getKeyValueToken('limits')));
    const numbers = Array.from({ length: 200 }, (_, i) => i);
    await kit.track(() => Promise.all(numbers.map((number) => limits.put('a.many', number)))).settled();
    expect(kit.get(Keys).seen.at(-1)).toBe(199);
  });

  it('publishes with core NATS with headers, and refuses options that need a stream', async () => {
    const flow = await kit.publish('notes.2', 1, { core: true, headers: { Own: 'value' } }).settled();
    expect(flow.handled).toHaveLength(2);
    const refused = kit.publish('notes.2', 1, { core: true, messageId: '1' });
    await expect(refused.settled()).rejects.toThrow('messageId');
    await expect(kit.publish('notes.*', 1, { core: true }).settled()).rejects.toThrow('notes.*');
  });

  it('follows messages of core NATS to subscriptions', async () => {
    const flow = await kit.publish('notes.1', { text: 'hello' }, { core: true }).settled();
    expect(flow.handled.map(({ handler }) => handler).sort()).toEqual([
      'Reports.onEveryNote',
      'Reports.onNote',
    ]);
    expect(flow.published).toMatchObject([
      { subject: 'notes.1', payload: { text: 'hello' }, stream: undefined },
    ]);
  });

  it('is delivered to one of the methods that share a consumer', async () => {
    const flow = await kit.publish('routed.one', {}).settled();
    expect(flow.handled.map(({ handler }) => handler)).toEqual(['Routes.one']);
  });

  it('rejects with the error of a message that a handler terminates, unless errors are returned', async () => {
    await expect(kit.publish('routed.refused').settled()).rejects.toThrow('refused');
    const flow = await kit.publish('routed.refused').settled({ errors: 'return' });
    expect(flow.handled).toMatchObject([{ outcome: 'terminated', failed: true, reason: 'refused' }]);
  });

  it('does not wait for a message that no handler receives', async () => {
    const flow = await kit.publish('unread', 1).settled();
    expect(flow.handled).toEqual([]);
    expect(flow.published).toMatchObject([{ subject: 'unread', payload: 1, stream: 'UNREAD' }]);
  });

  it('rejects with the error of a publish to a subject that no stream stores', async () => {
    await expect(kit.publish('nowhere', 1, { retry: { attempts: 0 } }).settled()).rejects.toMatchObject({
      name: 'NoStreamResponseError',
      flow: { handled: [] },
    });
  });

  it('hides its header from handlers', async () => {
    const reports = kit.get(Reports);
    reports.contexts.length = 0;
    await kit.publish('reports.1', 1).settled();
    await kit.publish('reports.2', 1, { headers: { Own: 'value' } }).settled();
    const [without, own] = reports.contexts;
    expect(without.headers).toBeUndefined();
    expect(own.headers?.keys()).toEqual(['Own']);
  });

  it('waits for a message that a handler returns with a delay, which is shortened', async () => {
    const attempts = kit.get<number[]>('attempts');
    const flow = await kit.publish('slow').settled();
    expect(flow.handled.map(({ outcome }) => outcome)).toEqual(['retried', 'acked']);
    expect(attempts[1] - attempts[0]).toBeLessThan(1_500);
  });

  it('keeps apart what different flows cause', async () => {
    const [first, second] = await Promise.all([
      kit.publish('work.store.f1', { name: 'f1', text: 'a' }).settled(),
      kit.publish('work.store.f2', { name: 'f2', text: 'bb' }).settled(),
    ]);
    expect(first.published.map(({ subject }) => subject)).toEqual(['work.store.f1', 'reports.f1']);
    expect(second.published.map(({ subject }) => subject)).toEqual(['work.store.f2', 'reports.f2']);
  });

  it('contains the messages of an atomic batch', async () => {
    const jetstream = kit.get<JetStreamService>((await import('nestjs-nats-jetstream')).JetStreamService);
    if (!jetstream.connection.supports('2.12.0')) return;
    await jetstream.updateStream({
      ...(await jetstream.stream('REPORTS')).cachedInfo.config,
      allowAtomicPublish: true,
    });
    const flow = await kit
      .track(() =>
        jetstream.publishBatch([
          { subject: 'reports.a', data: 1 },
          { subject: 'reports.b', data: 2 },
        ]),
      )
      .settled();
    expect(flow.handled.map(({ subject }) => subject)).toEqual(['reports.a', 'reports.b']);
  });
});
