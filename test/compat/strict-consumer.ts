/** User code for the strictest compiler settings, which passes possibly undefined values to options. Never run. */
import { Controller, Injectable, Module, type INestApplicationContext } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import * as root from 'nestjs-nats-jetstream';
import * as asyncapi from 'nestjs-nats-jetstream/asyncapi';
import * as board from 'nestjs-nats-jetstream/board';
import * as cache from 'nestjs-nats-jetstream/cache';
import * as health from 'nestjs-nats-jetstream/health';
import * as metrics from 'nestjs-nats-jetstream/metrics';
import * as otel from 'nestjs-nats-jetstream/otel';
import * as microservice from 'nestjs-nats-jetstream/microservice';
import * as msgpack from 'nestjs-nats-jetstream/msgpack';
import * as nats from 'nestjs-nats-jetstream/nats';
import * as testing from 'nestjs-nats-jetstream/testing';
import type * as matchers from 'nestjs-nats-jetstream/testing/jest';
import * as upload from 'nestjs-nats-jetstream/upload';

interface Settings {
  readonly servers?: string;
  readonly token?: string;
  readonly durable?: string;
  readonly concurrency?: number;
}

declare const settings: Settings;
declare function save(order: { readonly id: number }): Promise<{ readonly id: number }>;
declare const signal: AbortSignal | undefined;
const { concurrency, durable } = settings;
const nothing = undefined;

@Injectable()
export class Billing {
  constructor(
    @root.InjectJetStream() private readonly jetstream: root.JetStreamService,
    @root.InjectKeyValue('config') readonly config: root.KeyValue<{ readonly limit: number }>,
    @root.InjectObjectStore('files') readonly files: root.ObjectStore,
  ) {}

  @root.JsConsumer({
    stream: 'ORDERS',
    durable,
    concurrency,
    ackWait: nothing,
    batch: nothing,
    deadLetter: nothing,
    filterSubjects: nothing,
    idempotent: { bucket: 'done', key: nothing, ttl: nothing, lease: nothing },
    retry: { maxDeliver: concurrency, backoff: nothing, retryIf: nothing, errors: nothing },
  })
  async onOrder(
    @Payload() order: { readonly id: number },
    @Ctx() context: root.JetStreamContext,
  ): Promise<void> {
    await this.jetstream.publish(`orders.${order.id}`, order, {
      headers: nothing,
      messageId: context.message.headers?.get('id'),
      expect: { lastSequence: nothing },
      timeout: concurrency,
      signal,
    });
  }

  @root.JsConsumer({ stream: 'ORDERS', ordered: true, durable: nothing, concurrency: nothing })
  onEach(@root.JsMetadata() { streamSequence }: root.MessageMetadata): number {
    return streamSequence;
  }

  @root.KvWatch('config', {
    keys: nothing,
    updatesOnly: nothing,
    waitForInitialValues: nothing,
    connection: nothing,
  })
  onConfig(): void {}

  @root.NatsSubscribe('announcements', { queue: nothing, concurrency })
  onAnnouncement(): void {}

  @root.OnDeadLetter({ stream: nothing, durable })
  onDeadLetter(): void {}

  async use(): Promise<unknown> {
    const stream = await this.jetstream.createOrUpdateStream({
      name: 'ORDERS',
      subjects: nothing,
      maxAge: nothing,
      placement: { cluster: nothing, tags: nothing },
      mirror: nothing,
    });
    const consumer = await stream.createConsumer({ durable, ackWait: nothing, backoff: nothing });
    const message = await consumer.next({ maxWait: nothing, signal });
    // The result of a callback is awaited; it may resolve with any value.
    consumer.consume((received) => save(received.json()));
    consumer.consume(() => undefined, { maxMessages: nothing, expiry: nothing, onError: nothing });
    for await (const each of consumer.fetch(10, { heartbeat: nothing })) each.ack();
    const { config, state, cluster } = stream.cachedInfo;
    // Fields that the server always reports are not optional.
    const totals: number = config.replicas + config.maxBytes + state.messages;
    const leader: string | undefined = cluster?.leader;
    const entry = await this.config.get('limits', { revision: nothing });
    const limit: number | undefined = entry?.value.limit;
    await this.config.lock('job', { ttl: nothing, wait: nothing, signal });
    const info = await this.files.put(
      { name: 'file', description: nothing },
      new Blob(['content']).stream(),
      { signal },
    );
    await this.files.updateMeta(info.name, { description: info.description });
    return [message?.headers, totals, leader, limit];
  }

  mistakes(): void {
    // @ts-expect-error null is not undefined
    void this.jetstream.publish('orders.1', {}, { messageId: null });
    // @ts-expect-error there is no such option
    void this.jetstream.publish('orders.1', {}, { messageIds: nothing });
    // @ts-expect-error only the library creates services
    void new root.JetStreamService();
    // @ts-expect-error only the library creates messages
    void new root.JetStreamMessage();
  }

  lookedUp(app: INestApplicationContext): string {
    const jetstream = app.get(root.JetStreamService);
    // @ts-expect-error a service that is looked up by its class has its type, not `any`
    void jetstream.publishs;
    return jetstream.connection.serverVersion;
  }
}

class Refund {
  amount = 0;
}
const Placed = root.defineMessage({ subject: 'orders.:id.placed', summary: nothing, schema: nothing });
const Refunded = root.defineMessage({ subject: 'refunds.:id', schema: Refund, core: nothing });

@Injectable()
export class Refunds {
  constructor(
    @root.InjectPublisher(Refunded) private readonly refunded: root.MessagePublisher<typeof Refunded>,
  ) {}

  @root.JsConsumer([Placed, Refunded], { durable, stream: nothing, batch: nothing })
  async on(
    @Payload() payload: unknown,
    @root.JsReceived(Placed, Refunded) received: root.ReceivedOf<typeof Placed | typeof Refunded>,
    @root.JsParams(Placed, Refunded) { id }: root.ParamsOf<typeof Placed>,
  ): Promise<void> {
    if (received.name !== Refunded.name) return;
    const { amount } = received.payload;
    const { sequence } = await this.refunded.publish({ id }, { amount }, { messageId: nothing, signal });
    await this.refunded.publishAsync({ id: received.params.id }, { amount: sequence }).ack;
    void payload;
  }

  mistakes(): void {
    // @ts-expect-error the amount is a number
    void this.refunded.publish({ id: '1' }, { amount: '1' });
    // @ts-expect-error only the module creates publishers
    void new root.MessagePublisher(Refunded);
  }
}

@Controller()
export class Orders {
  @EventPattern('orders.*', { durable, broadcast: false, concurrency } satisfies microservice.EventExtras)
  onEvent(@Ctx() context: microservice.JetStreamEventContext): string {
    return context.message.subject;
  }

  @MessagePattern('total', { queue: nothing, concurrency } satisfies microservice.RequestExtras)
  total(): microservice.JetStreamRecord<number> {
    return new microservice.JetStreamRecord(1, { headers: nothing });
  }
}

@Module({
  imports: [
    root.JetStreamModule.forRoot({
      name: nothing,
      isGlobal: nothing,
      connection: { servers: settings.servers, token: settings.token, tls: { ca: nothing }, name: nothing },
      jetstream: { domain: nothing, timeout: nothing },
      codec: msgpack.msgpackCodec,
      publish: { timeout: nothing, retry: { attempts: nothing } },
      handlers: { concurrency, consumers: nothing },
      provisioning: nothing,
      bootTimeout: nothing,
      shutdownTimeout: nothing,
    }),
    root.JetStreamModule.forRootAsync({
      name: 'other',
      useFactory: (): root.JetStreamModuleOptions => ({ connection: nothing, codecs: nothing }),
    }),
    root.JetStreamModule.forFeature({
      streams: [
        {
          name: 'ORDERS',
          subjects: nothing,
          codec: nothing,
          recreate: nothing,
          subjectPolicy: nothing,
          provisioning: nothing,
        },
      ],
      keyValues: [{ bucket: 'config', ttl: nothing, history: concurrency, provisioning: nothing }],
      objectStores: [{ bucket: 'files', maxBytes: nothing, provisioning: nothing }],
      messages: [Placed, Refunded],
      connection: nothing,
    }),
    root.JetStreamModule.forFeatureAsync({
      imports: nothing,
      streams: [{ name: 'PAYMENTS', inject: nothing, useFactory: () => ({ subjects: nothing }) }],
      keyValues: [{ bucket: 'limits', useFactory: async () => Promise.resolve({ history: concurrency }) }],
      objectStores: nothing,
      messages: nothing,
      connection: nothing,
    }),
  ],
  providers: [Billing],
  controllers: [Orders],
})
export class StrictModule {}

export const server = new microservice.JetStreamServer({
  name: 'orders',
  connection: { servers: settings.servers },
  queue: nothing,
  events: { concurrency },
  requests: nothing,
});
export const client = new microservice.JetStreamClient({
  connection: { token: settings.token },
  mode: nothing,
  timeout: concurrency,
});
export const storage = (files: root.ObjectStore): upload.ObjectStoreStorage =>
  new upload.ObjectStoreStorage(files, { describe: nothing, stallTimeout: nothing });
export const store = (bucket: root.KeyValue): cache.KeyValueCacheStore =>
  new cache.KeyValueCacheStore(bucket);
export const start = (): Promise<testing.NatsTestServer> =>
  testing.NatsTestServer.start({
    version: nothing,
    port: nothing,
    config: nothing,
    tls: { verify: nothing, hosts: nothing },
    users: [
      { user: 'a', password: nothing, permissions: { publish: nothing, subscribe: { deny: nothing } } },
    ],
    accounts: { A: { jetstream: { maxStreams: nothing }, limits: nothing, users: nothing } },
  });
export const connected = (running: testing.NatsTestServer): Promise<nats.NatsConnection> =>
  nats.connect(running.connectionFor('a'));
export const startedWith = (running: testing.NatsTestServer): unknown =>
  root.JetStreamModule.forRoot({ connection: running.connectionFor('a') });
export const disturb = async (cluster: testing.NatsTestCluster): Promise<void> => {
  cluster.partition([0], [1, 2]);
  cluster.heal();
  const proxy: testing.NatsTestProxy | undefined = await cluster.servers[0]?.proxy();
  proxy?.halfOpen('from-server');
};
export const kit = (): Promise<testing.JetStreamTestKit> =>
  testing.JetStreamTestKit.start({
    imports: [StrictModule],
    controllers: nothing,
    module: nothing,
    http: nothing,
    configure: nothing,
    timeScale: concurrency,
    timeout: nothing,
    version: nothing,
    logger: nothing,
  });
export const flow = (started: testing.JetStreamTestKit): Promise<testing.TestFlow> =>
  started
    .publish('orders.1', {}, { core: nothing, connection: nothing })
    .settled({ errors: nothing, timeout: concurrency });
export const typed = async (started: testing.JetStreamTestKit): Promise<string> => {
  const { result } = started.publish(Placed, { id: '1' }, {}, { connection: nothing, messageId: nothing });
  const { stream } = await result;
  const { params } = await started.handled(Placed, {
    params: { id: nothing },
    handler: nothing,
    payload: nothing,
    timeout: nothing,
  });
  await started.expectNothing({ subject: Placed, outcome: nothing }, { within: nothing });
  await started.expectNothingPublished(Placed, { within: nothing, payload: nothing });
  return stream + params.id;
};
export type Matchers = matchers.JetStreamMatchers;
export const traced = otel.JetStreamOtelModule.forRoot({ tracing: { correlation: undefined } });
export const measured = metrics.JetStreamMetricsModule.forRoot({
  registry: nothing,
  endpoint: nothing,
  buckets: { delay: nothing },
});
export const instrument: metrics.JetStreamMetrics = metrics.jetStreamPrometheusMetrics({
  application: settings.durable ?? nothing,
});
export type Connection = nats.NatsConnection;
export const discovered = root.JetStreamModule.forRoot({
  discovery: {
    name: 'billing',
    version: '1.0.0',
    description: settings.durable,
    metadata: nothing,
    errorText: nothing,
    control: nothing,
  },
});
export const found = async (instances: root.JetStreamInstances): Promise<readonly root.ControlResult[]> => {
  await instances.list({ name: settings.durable, timeout: concurrency, signal });
  return instances.pause('Billing.onOrder', { id: settings.durable, by: nothing });
};
export const probe = (checks: health.JetStreamHealth): Promise<health.HandlersReport> =>
  checks.handlers({
    stalledAfter: concurrency,
    grace: nothing,
    handlers: { 'Billing.onOrder': { maxPending: nothing } },
  });
export const document = (app: INestApplicationContext): Promise<asyncapi.AsyncApiDocument> =>
  asyncapi.createAsyncApiDocument(app, {
    info: { title: 'a', version: '1', description: nothing, contact: { name: settings.durable } },
    id: settings.durable,
    servers: { default: { host: nothing } },
    microservices: nothing,
  });
export const changes = (
  before: unknown,
  after: asyncapi.AsyncApiDocument,
): readonly asyncapi.AsyncApiChange[] => asyncapi.compareAsyncApiDocuments(before, after);
export const page = asyncapi.JetStreamAsyncApiModule.forRoot({
  info: { title: 'a', version: '1' },
  path: settings.durable,
  guards: nothing,
  imports: nothing,
  public: nothing,
  access: ({ request, channel, subject }, action) => ({
    allowed: action === 'read' && request !== channel,
    user: subject,
  }),
  tryIt: { publish: nothing, dryRun: nothing, mask: nothing, maxPayload: concurrency, timeout: nothing },
});
export const operations = board.JetStreamBoardModule.forRoot({
  path: settings.durable,
  guards: nothing,
  imports: nothing,
  readOnly: nothing,
  public: nothing,
  title: settings.durable,
  access: ({ request, name, input }, action) => ({
    allowed: action === 'read' && request !== input,
    user: name,
  }),
  payloads: { limit: concurrency, mask: nothing, codec: nothing },
});
export const later = board.JetStreamBoardModule.forRootAsync({
  inject: nothing,
  useFactory: (): board.BoardOptions => ({ access: nothing, payloads: nothing }),
});
