import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { Controller, Injectable, type INestApplication } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import {
  JetStreamModule,
  JetStreamService,
  JsConsumer,
  KeyValueService,
  KvWatch,
  NatsSubscribe,
} from 'nestjs-nats-jetstream';
import {
  JetStreamClient,
  JetStreamServer,
  type EventExtras,
  type RequestExtras,
} from 'nestjs-nats-jetstream/microservice';
import { connect, type NatsConnection } from 'nestjs-nats-jetstream/nats';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { of, type Observable } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';
import { HOSTILE_MESSAGES, type HostileMessage } from './hostile-messages.js';
import { ask } from './microservice.js';

/** The valid messages that each handler has received, which show that it works. */
const seen = new Map<string, Set<string>>();
/** Calls of a handler that was selected by a packet instead of the subject. */
let smuggled = 0;

function note(handler: string, data: unknown): void {
  for (const each of Array.isArray(data) ? (data as unknown[]) : [data]) {
    if (typeof each !== 'string' || !each.startsWith('well')) continue;
    const known = seen.get(handler) ?? new Set<string>();
    seen.set(handler, known.add(each));
  }
}

const RETRY = { maxDeliver: 2, backoff: [10] };

@Controller()
class Service {
  @MessagePattern('svc.request')
  request(@Payload() data: unknown): unknown {
    note('svc.request', data);
    return data;
  }

  @MessagePattern('svc.void')
  nothing(@Payload() data: unknown): void {
    note('svc.void', data);
  }

  @MessagePattern('svc.several')
  several(@Payload() data: unknown): Observable<unknown> {
    note('svc.several', data);
    return of(1, data, 3);
  }

  @MessagePattern('svc.limited', { concurrency: 1, maxPending: 5 } satisfies RequestExtras)
  async limited(@Payload() data: unknown): Promise<unknown> {
    note('svc.limited', data);
    return data;
  }

  @MessagePattern('other.secret')
  secret(): void {
    smuggled++;
  }

  @EventPattern('svc.event', { mode: 'core' } satisfies EventExtras)
  event(@Payload() data: unknown): void {
    note('svc.event', data);
  }

  @EventPattern('store.event', { retry: RETRY } satisfies EventExtras)
  stored(@Payload() data: unknown): void {
    note('store.event', data);
  }

  @EventPattern<unknown>('store.keyed', {
    retry: RETRY,
    concurrency: 2,
    orderBy: (message) => String(message.headers?.get('Nats-Msg-Id')),
  } satisfies EventExtras)
  keyed(@Payload() data: unknown): void {
    note('store.keyed', data);
  }

  @MessagePattern('store.request', { mode: 'jetstream', retry: RETRY } satisfies RequestExtras)
  durable(@Payload() data: unknown): unknown {
    note('store.request', data);
    return data;
  }
}

@Injectable()
class Workers {
  @NatsSubscribe('sub.plain')
  plain(@Payload() data: unknown): void {
    note('sub.plain', data);
  }

  @NatsSubscribe('sub.queue', { queue: 'q', concurrency: 2 })
  async queue(@Payload() data: unknown): Promise<void> {
    note('sub.queue', data);
  }

  @JsConsumer({
    stream: 'STORE',
    durable: 'work',
    filterSubjects: 'store.work',
    deadLetter: true,
    retry: RETRY,
  })
  work(@Payload() data: unknown): void {
    note('store.work', data);
  }

  @JsConsumer({
    stream: 'STORE',
    durable: 'batch',
    filterSubjects: 'store.batch',
    batch: { size: 5, maxWait: 20 },
    deadLetter: true,
    retry: RETRY,
  })
  batch(@Payload() data: unknown[]): void {
    note('store.batch', data);
  }

  @JsConsumer({ stream: 'STORE', ordered: true, deliverPolicy: 'new', filterSubjects: 'store.ordered' })
  ordered(@Payload() data: unknown): void {
    note('store.ordered', data);
  }

  @JsConsumer({
    stream: 'STORE',
    durable: 'push',
    filterSubjects: 'store.push',
    push: { deliverSubject: 'deliver.push', deliverGroup: 'workers' },
    deadLetter: true,
    retry: RETRY,
  })
  push(@Payload() data: unknown): void {
    note('store.push', data);
    if (data === 'evil') throw new Error('the handler fails for what is hostile');
  }

  @JsConsumer({
    stream: 'STORE',
    durable: 'once',
    filterSubjects: 'store.once',
    idempotent: { bucket: 'once' },
    deadLetter: true,
    retry: RETRY,
  })
  once(@Payload() data: unknown): void {
    note('store.once', data);
  }

  @KvWatch('state')
  key(@Payload() data: unknown): void {
    note('$KV.state.key', data);
  }
}

/** The subjects of messages of peers; the last two are not meant for peers. */
const TARGETS = [
  'svc.request',
  'svc.void',
  'svc.several',
  'svc.limited',
  'svc.event',
  'store.event',
  'store.keyed',
  'store.request',
  'sub.plain',
  'sub.queue',
  'store.work',
  'store.batch',
  'store.ordered',
  'store.push',
  'store.once',
  '$KV.state.key',
  'deliver.push',
];

/** Subjects to which a peer must not be able to make a service or a client publish. */
const FORBIDDEN = [
  '$JS.API.STREAM.DELETE.>',
  '$JS.API.STREAM.PURGE.>',
  '$JS.hub.>',
  '$JS.ACK.KEEP.>',
  '$JS.FC.KEEP.>',
  '$SYS.>',
  '$SRV.>',
  '$KV.keep.>',
  '$O.>',
];

describe('hostile messages of peers', () => {
  let nats: NatsTestServer;
  let raw: NatsConnection;
  let app: INestApplication;
  let client: JetStreamClient;
  const logs = new LogRecorder();
  const forbidden: string[] = [];
  let disconnects = 0;
  const inboxes: string[] = [];
  const learn = (inbox: string): void => {
    if (inbox.startsWith('_INBOX.') && inbox.length < 200) inboxes.push(inbox);
  };

  beforeAll(async () => {
    nats = await NatsTestServer.start();
    raw = await connect({ servers: nats.url });
    raw.subscribe('_INBOX.>', { callback: (_, { subject }) => learn(subject) });
    raw.subscribe('$JS.API.CONSUMER.MSG.NEXT.>', { callback: (_, { reply = '' }) => learn(reply) });
    for (const subject of FORBIDDEN) {
      raw.subscribe(subject, {
        callback: (_, message) => {
          // A stream sends its acknowledgement to any reply subject that the publisher chooses.
          if (!message.string().startsWith('{"stream":"')) forbidden.push(message.subject);
        },
      });
    }
    await raw.flush();
    const connection = { servers: nats.url, reconnectTimeWait: 50 };
    const module = await Test.createTestingModule({
      imports: [
        JetStreamModule.forRoot({ connection, shutdownTimeout: 1_000 }),
        JetStreamModule.forFeature({
          streams: [
            { name: 'STORE', subjects: ['store.*'], storage: 'memory', allowMessageTtl: true },
            { name: 'KEEP', subjects: ['keep'], storage: 'memory' },
          ],
          keyValues: [{ bucket: 'state', storage: 'memory' }],
        }),
      ],
      providers: [Workers],
      controllers: [Service],
    })
      .setLogger(logs)
      .compile();
    app = module.createNestApplication();
    const server = new JetStreamServer({ name: 'svc', connection, shutdownTimeout: 1_000 });
    app.connectMicroservice({ strategy: server });
    await app.startAllMicroservices();
    await app.init();
    client = new JetStreamClient({ connection, timeout: 5_000 });
    await client.connect();
    server.on('disconnect', () => disconnects++);
    client.on('disconnect', () => disconnects++);
    app.get(JetStreamService).connection.listen({ onDisconnect: () => disconnects++ });
  });
  afterAll(async () => {
    await client.close();
    await app.close();
    await raw.close();
    await nats.stop();
  });

  /** Sends bytes to the server unchanged; it may end the connection of the peer. */
  async function send(messages: readonly (HostileMessage & { readonly subject: string })[]): Promise<void> {
    const socket = connectSocket(Number(new URL(nats.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    await once(socket, 'data');
    socket.write('CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":false}\r\n');
    for (const { subject, payload = '"evil"', headers, reply = '' } of messages) {
      const body = Buffer.from(payload);
      const to = Buffer.concat([
        Buffer.from(`${subject} `),
        Buffer.from(reply),
        Buffer.from(reply.length > 0 ? ' ' : ''),
      ]);
      const head = headers === undefined ? undefined : Buffer.from(headers);
      const sizes = head ? `${head.length} ${head.length + body.length}` : String(body.length);
      socket.write(Buffer.concat([Buffer.from(head ? 'HPUB ' : 'PUB '), to, Buffer.from(`${sizes}\r\n`)]));
      socket.write(Buffer.concat([head ?? Buffer.alloc(0), body, Buffer.from('\r\n')]));
    }
    socket.write('PING\r\n');
    await Promise.race([waitForPong(socket), once(socket, 'close')]).catch(() => undefined);
    socket.destroy();
  }

  let probes = 0;
  /** The problems: every handler must still work, callers must be answered, and no message may go to other subjects. */
  async function harm(): Promise<string[]> {
    const probe = `well ${++probes}`;
    const jetstream = app.get(JetStreamService);
    for (const target of TARGETS) {
      if (target === 'deliver.push' || target.startsWith('$KV')) continue;
      if (target.startsWith('store.'))
        await jetstream.publish(target, JSON.stringify(probe), { messageId: `${target} ${probe}` });
      else raw.publish(target, JSON.stringify(probe));
    }
    await (await app.get(KeyValueService).open('state')).put('key', probe);
    const missing = (): string[] =>
      TARGETS.filter((target) => target !== 'deliver.push' && seen.get(target)?.has(probe) !== true);
    await eventually(missing, ({ length }) => length === 0, 8_000).catch(() => undefined);
    const answer = await ask(client, 'svc.request', probe).catch(String);
    const names: string[] = [];
    for await (const name of jetstream.streamNames()) names.push(name);
    const lost = disconnects;
    disconnects = 0;
    return [
      ...missing().map((target) => `${target} handles nothing`),
      ...(answer === probe ? [] : [`the answer is ${String(answer)}`]),
      ...(names.includes('KEEP') ? [] : ['a stream is deleted']),
      ...(lost > 0 ? [`${lost} connections were lost`] : []),
      ...forbidden.splice(0).map((subject) => `something was sent to ${subject}`),
      ...(smuggled > 0 ? ['a packet chose its handler'] : []),
      ...('isAdmin' in {} ? ['objects have a changed prototype'] : []),
    ];
  }

  /** Answers a request with the message, from the service and from another peer. */
  async function answerWith(message: HostileMessage): Promise<void> {
    const asked = raw.subscribe('deputy', {
      callback: (_, { reply = '' }) => void send([{ ...message, subject: reply }]),
    });
    await raw.flush();
    const { requests } = app.get(JetStreamService);
    const caller = client.send('deputy', 1).subscribe({ error: () => undefined });
    await requests.request('deputy', 'x', { timeout: 20 }).catch(() => undefined);
    caller.unsubscribe();
    asked.unsubscribe();
  }

  it.each(HOSTILE_MESSAGES)('everything works after $name', async (message) => {
    await send(TARGETS.map((subject) => ({ ...message, subject })));
    await answerWith(message);
    // The inboxes of requests, pulls and watches, which a peer with permission to subscribe to everything can see.
    await send([...new Set(inboxes)].slice(-20).map((subject) => ({ ...message, subject })));
    expect(await harm()).toEqual([]);
  });

  it('are not logged unescaped', () => {
    // oxlint-disable-next-line no-control-regex -- these must not be there
    const unsafe = logs.lines.filter(({ text }) => /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/.test(text));
    expect(unsafe.map(({ text }) => JSON.stringify(text.slice(0, 200)))).toEqual([]);
    expect(Math.max(...logs.lines.map(({ text }) => text.length))).toBeLessThan(10_000);
  });
});

async function waitForPong(socket: ReturnType<typeof connectSocket>): Promise<void> {
  for (let text = ''; !text.includes('PONG');) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    text += chunk.toString('latin1');
  }
}
