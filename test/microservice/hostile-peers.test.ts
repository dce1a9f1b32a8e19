import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import type { JetStreamService } from 'nestjs-nats-jetstream';
import {
  JetStreamRecordBuilder,
  JetStreamRequestContext,
  type EventExtras,
} from 'nestjs-nats-jetstream/microservice';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { NEVER, type Observable } from 'rxjs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { connect } from '../../lib/connection/index.js';
import { eventually } from '../support/eventually.js';
import { ask, connectClient, failure, startMicroservice, type TestMicroservice } from './microservice.js';
import { serviceOn } from '../support/service-on.js';

const DELETE = '$JS.API.STREAM.DELETE.KEEP';
let seen: unknown[] = [];

@Controller()
class Reports {
  @MessagePattern('report.quick')
  quick(@Payload() data: unknown): string {
    seen.push(data);
    return 'done';
  }

  @MessagePattern('report.void')
  nothing(): void {}

  @MessagePattern('report.bytes')
  bytes(): Uint8Array {
    return new Uint8Array(0);
  }

  @MessagePattern('report.empty')
  empty(): Observable<never> {
    return NEVER;
  }

  @MessagePattern('report.broken')
  broken(): never {
    throw new RpcException('broken');
  }

  @MessagePattern('report.busy', { concurrency: 1, maxPending: 0 })
  busy(): Observable<never> {
    return NEVER;
  }

  @MessagePattern('report.headers')
  headers(): unknown {
    return new JetStreamRecordBuilder('x').setHeaders({ 'X-Large': 'x'.repeat(1_100_000) }).build();
  }

  @MessagePattern('report.large-error')
  largeError(): never {
    throw new RpcException('x'.repeat(2_000_000));
  }

  @MessagePattern('report.metadata')
  metadata(@Ctx() context: JetStreamRequestContext): unknown {
    return { metadata: context.getMetadata() ?? 'none' };
  }

  @EventPattern('report.event', { mode: 'core' } satisfies EventExtras)
  event(@Payload() data: unknown): void {
    seen.push(data);
  }

  @MessagePattern('durable.quick', { mode: 'jetstream' })
  durable(@Payload() data: unknown): string {
    seen.push(data);
    return 'done';
  }
}

@Controller()
class Timed {
  @MessagePattern('timed.quick', { mode: 'jetstream' })
  quick(@Payload() data: unknown): string {
    seen.push(data);
    return 'done';
  }
}

describe('peers with fewer permissions, or hostile ones', () => {
  let nats: NatsTestServer;
  let raw: NatsConnection;
  let jetstream: JetStreamService;
  let service: TestMicroservice;
  let client: Awaited<ReturnType<typeof connectClient>>;
  let disconnects = 0;

  beforeAll(async () => {
    nats = await NatsTestServer.start();
    raw = await connect({ servers: nats.url });
    jetstream = serviceOn(raw);
    service = await startMicroservice(nats.url, {
      controllers: [Reports],
      server: { streams: [{ name: 'DURABLE', subjects: ['durable.>'] }], shutdownTimeout: 500 },
    });
    service.server.on('disconnect', () => disconnects++);
    client = await connectClient(nats.url, { timeout: 3_000 });
    client.on('disconnect', () => disconnects++);
  });
  afterAll(async () => {
    await client.close();
    await service.app.close();
    await raw.close();
    await nats.stop();
  });
  beforeEach(async () => {
    await jetstream.createStream({ name: 'KEEP', subjects: ['keep'] });
    seen = [];
    disconnects = 0;
  });
  /** The damage that a peer has caused: a missing stream, a lost connection, or a request without an answer. */
  const damage = async (): Promise<string[]> => {
    const answer = await ask(client, 'report.quick', 'after').catch((error: unknown) => error);
    const names: string[] = [];
    for await (const name of jetstream.streamNames()) names.push(name);
    return [
      ...(answer === 'done' ? [] : [`the service answers ${String(answer)}`]),
      ...(names.includes('KEEP') ? [] : ['the stream is deleted']),
      ...(disconnects === 0 ? [] : ['a connection was lost']),
    ];
  };
  afterEach(async () => {
    const harm = await damage();
    if (harm.length > 0) throw new Error(harm.join(', '));
  });

  const packet = (pattern: string, id?: string) => JSON.stringify({ pattern, data: 'hostile', id });
  const handled = () =>
    eventually(
      () => seen,
      (all) => all.includes('hostile'),
    );

  describe('cannot have a service publish to the JetStream API', () => {
    it.each([
      ['an answer', 'report.quick', packet('report.quick', '1')],
      ['an empty answer', 'report.void', packet('report.void', '1')],
      ['a bare answer', 'report.quick', '"hostile"'],
      ['an empty bare answer', 'report.void', '1'],
      ['a bare answer of no bytes', 'report.bytes', '1'],
      ['an error', 'report.broken', packet('report.broken', '1')],
      ['a bare error', 'report.broken', '1'],
      ['the rejection of an invalid packet', 'report.quick', '{'],
      ['a core event', 'report.event', '"hostile"'],
    ])('by %s', async (_, subject, payload) => {
      raw.publish(subject, payload, { reply: DELETE });
      await raw.flush();
      expect(await ask(client, 'report.quick', 'next')).toBe('done');
    });

    it.each(['js.1', 'js.', 'js.99999999999'])(
      'by the notice with the subject for cancelling a request: %s',
      async (id) => {
        raw.publish('report.empty', packet('report.empty', id), { reply: DELETE });
        await new Promise((resolve) => setTimeout(resolve, 300));
        expect(await damage()).toEqual([]);
      },
    );

    it('by the answer to a durable request', async () => {
      const reply = headers();
      reply.set('Request-Reply-To', DELETE);
      raw.publish('durable.quick', packet('durable.quick', 'js.1'), { headers: reply });
      await handled();
      await eventually(
        () => service.logs.of('warn', 'DurableRequests').join(),
        (text) => text.includes(DELETE),
      );
      expect(await damage()).toEqual([]);
    });

    it.each([
      ['wildcards', 'a.*'],
      ['all subjects', '>'],
    ])('or to %s', async (_, reply) => {
      const answers: string[] = [];
      const subscription = raw.subscribe('a.>', {
        callback: (__, { subject }) => void answers.push(subject),
      });
      raw.publish('report.quick', packet('report.quick', '1'), { reply });
      await handled();
      await raw.flush();
      subscription.unsubscribe();
      expect(answers).toEqual([]);
    });
  });

  describe('cannot have a client publish to the JetStream API', () => {
    it.each([
      ['by a notice', '{"id":"js.1","isDisposed":false}'],
      ['by an empty notice', ''],
      ['by an answer', '{"id":"js.1","response":1}'],
    ])('when it unsubscribes: %s', async (_, answer) => {
      let asked = 0;
      const subscription = raw.subscribe('deputy', {
        callback: (__, message) => {
          asked++;
          message.respond(answer, { reply: DELETE });
        },
      });
      await raw.flush();
      const caller = client.send('deputy', 1).subscribe({ error: () => undefined });
      await eventually(
        () => asked,
        (count) => count > 0,
      );
      await ask(client, 'report.quick', 'next');
      caller.unsubscribe();
      const late = client.send('deputy', 1).subscribe({ error: () => undefined });
      late.unsubscribe();
      await eventually(
        () => asked,
        (count) => count > 1,
      );
      subscription.unsubscribe();
      expect(await damage()).toEqual([]);
    });

    it('when it confirms the answer to a durable request', async () => {
      await jetstream.createStream({ name: 'OTHER', subjects: ['other'] });
      const messages: unknown[] = [];
      raw.subscribe('other', {
        callback: (_, message) => {
          const to = message.headers?.get('Request-Reply-To');
          messages.push(to);
          if (to) raw.publish(to, '{"response":7,"id":"js.1","isDisposed":true}', { reply: DELETE });
        },
      });
      await raw.flush();
      const record = new JetStreamRecordBuilder(1).setMode('jetstream').build();
      expect(await ask(client, 'other', record)).toBe(7);
    });
  });

  describe('cannot end the connection', () => {
    it.each([4_000, 4_060, 4_076, 4_080])('by a reply subject of %d bytes', async (length) => {
      const reply = `answers.${'x'.repeat(length - 8)}`;
      raw.publish('report.quick', packet('report.quick', '1'), { reply });
      await handled();
      raw.publish('report.empty', packet('report.empty', 'js.1'), { reply });
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(await damage()).toEqual([]);
    });

    it.each(['report.headers', 'report.large-error'])(
      'by an answer that is larger than the server accepts: %s',
      async (pattern) => {
        const error = await failure(ask(client, pattern, 1));
        expect(error.message).toContain('larger than the server accepts');
        const bare = await raw.request(pattern, '1', { timeout: 2_000 });
        expect(bare.headers?.get('Nats-Service-Error')).toBeTruthy();
      },
    );

    it('by a service error with a long text', async () => {
      const reply = await raw.request('report.large-error', '1', { timeout: 2_000 });
      expect(reply.headers?.get('Nats-Service-Error')?.length).toBeLessThan(3_000);
      expect(reply.data.length).toBeGreaterThan(0);
    });
  });

  describe('with packets of wrong types do no harm', () => {
    const deep = (n: number) => '['.repeat(n) + ']'.repeat(n);
    it.each([
      ['deep JSON', deep(100_000)],
      ['a deep pattern', `{"pattern":${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)},"data":1}`],
      [
        'a deep pattern with an id',
        `{"pattern":${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)},"data":1,"id":"1"}`,
      ],
      ['a prototype', '{"__proto__":{"id":"js.1","pattern":"x"},"constructor":1,"data":1}'],
      ['an id that is an object', '{"pattern":"report.quick","data":1,"id":{"startsWith":1}}'],
      ['an id that is a number', '{"pattern":"report.quick","data":1,"id":1}'],
      ['an id that is null', '{"pattern":"report.quick","data":1,"id":null}'],
      ['an empty id', '{"pattern":"report.quick","data":1,"id":""}'],
      ['a huge id', `{"pattern":"report.quick","data":1,"id":"${'9'.repeat(900_000)}"}`],
      ['a list', '[{"pattern":"report.quick","id":"1"}]'],
      ['null', 'null'],
      ['nothing', ''],
      ['text', '"text"'],
      ['bytes', new Uint8Array([0, 1, 255, 254])],
    ])('%s', async (_, payload) => {
      const reply = await raw.request('report.quick', payload, { timeout: 3_000 });
      expect(reply.data.length).toBeGreaterThan(0);
      expect(reply.data.length).toBeLessThan(2_000);
      raw.publish('report.quick', payload, { reply: DELETE });
    });

    it.each(['"text"', '1', '[]', '{"a":1}', '{"a":{"b":"c"}}', 'null'])(
      'metadata that is %s',
      async (metadata) => {
        const payload = `{"pattern":"report.metadata","data":1,"id":"1","metadata":${metadata}}`;
        const reply = (await raw.request('report.metadata', payload)).json<{ response: object }>();
        expect(reply.response).toEqual({ metadata: 'none' });
      },
    );

    it.each([
      ['a number', '1'],
      ['a list', '[]'],
      ['an answer of a wrong id', '{"id":{"a":1},"isDisposed":true}'],
      ['deep JSON', deep(100_000)],
      ['an error that is a list', '{"err":[1,2],"isDisposed":true}'],
      ['an error that is deep', `{"err":${deep(50_000)},"isDisposed":true}`],
    ])('as an answer: %s', async (_, answer) => {
      const subscription = raw.subscribe('liar', {
        max: 1,
        callback: (__, message) => void message.respond(answer),
      });
      await raw.flush();
      await Promise.allSettled([ask(client, 'liar', 1)]);
      subscription.unsubscribe();
      expect(await damage()).toEqual([]);
    });

    it.each(['NaN', 'abc', '', '9'.repeat(1_000)])('a service error with the code %j', async (code) => {
      const error = headers();
      error.set('Nats-Service-Error-Code', code || 'x');
      error.set('Nats-Service-Error', 'no');
      const subscription = raw.subscribe('liar', {
        max: 1,
        callback: (_, message) => void message.respond('body', { headers: error }),
      });
      await raw.flush();
      expect((await failure(ask(client, 'liar', 1))).message).toBe('no');
      subscription.unsubscribe();
    });
  });

  describe('with numbers of wrong types', () => {
    const LIMIT = 30_000;
    const LONGEST = 24 * 3_600_000;
    let own: TestMicroservice;
    let callers = 0;

    beforeEach(async () => {
      own = await startMicroservice(nats.url, {
        controllers: [Timed],
        server: {
          name: 'own',
          streams: [{ name: 'TIMED', subjects: ['timed.>'] }],
          shutdownTimeout: 300,
        },
      });
    });
    afterEach(async () => {
      vi.useRealTimers();
      await own.app.close();
    });

    /** A durable request whose caller never confirms the answer; counts the answers. */
    async function request(timeout: string): Promise<{ attempts(): number }> {
      let attempts = 0;
      const caller = `caller.${++callers}`;
      raw.subscribe(caller, {
        callback: (_, message) => {
          attempts++;
          // The caller no longer exists, which the server reports at once.
          message.respond('', { headers: headers(503, 'No Responders') });
        },
      });
      await raw.flush();
      const extras = headers();
      extras.set('Request-Reply-To', caller);
      if (timeout !== '') extras.set('Request-Timeout', timeout);
      raw.publish('timed.quick', packet('timed.quick', '1'), { headers: extras });
      await handled();
      return { attempts: () => attempts };
    }

    const givenUp = (): string[] =>
      own.logs.of('warn', 'DurableRequests').filter((line) => line.includes('is no longer sent'));

    it.each([
      ...['abc', 'Infinity', '-1', '1e308', '9'.repeat(30), 'NaN', '0', '', '1.5'].map(
        (timeout) => [timeout, LIMIT] as const,
      ),
      ['60000', 60_000] as const,
      [`${LONGEST + 1}`, LONGEST] as const,
      ['9'.repeat(20), LONGEST] as const,
    ])('keep an answer open for a bounded time: Request-Timeout %j, %d ms', async (timeout, limit) => {
      const began = Date.now();
      const { attempts } = await request(timeout);
      // Only the clock is changed: pending timers keep waiting.
      vi.useFakeTimers({ toFake: ['Date'], now: began + limit - 5_000 });
      const before = attempts();
      await eventually(attempts, (count) => count > before + 1);
      expect(givenUp()).toEqual([]);
      vi.setSystemTime(Date.now() + 6_000);
      await eventually(givenUp, (lines) => lines.length === 1, 4_000);
    });

    it('do not block the end of a service', async () => {
      await request('9'.repeat(20));
      const started = performance.now();
      await own.app.close();
      expect(performance.now() - started).toBeLessThan(3_000);
      expect(givenUp()).toHaveLength(1);
    });
  });

  it('cannot inject lines into the log', async () => {
    raw.publish('report.quick', '\u001b[31m{"a\r\nERROR fake line');
    await ask(client, 'report.quick', 'next');
    const lines = service.logs.of('error', 'JetStreamServer');
    // oxlint-disable-next-line no-control-regex -- these must not be there
    for (const line of lines) expect(line).not.toMatch(/[\u0000-\u001f]/);
  });
});
