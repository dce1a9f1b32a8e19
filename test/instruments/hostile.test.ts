import { Injectable, type OnModuleInit } from '@nestjs/common';
import {
  type HandlerInstrument,
  InvalidArgumentError,
  type JetStreamInstrument,
  JetStreamInstruments,
  JetStreamService,
  JsConsumer,
  type OperationInstrument,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HandlerObserver } from '../../lib/instruments/index.js';
import { UserCalls } from '../../lib/user-code/index.js';
import { startApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';
import { RecordingInstrument } from '../support/recording-instrument.js';

const fails = (): never => {
  throw new Error('broken instrument');
};
const rejects = (): never => Promise.reject(new Error('broken instrument')) as never;

function handlerInstrument(part: HandlerInstrument): JetStreamInstrument {
  return { handler: () => part };
}

function operationInstrument(part: OperationInstrument): JetStreamInstrument {
  return { operation: () => part };
}

describe('an instrument that misbehaves', () => {
  let server: NatsTestServer;
  let serial = 0;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  it.each<[string, JetStreamInstrument, string | undefined]>([
    ['handler throws', { handler: fails }, 'broken instrument'],
    ['operation throws', { operation: fails }, 'broken instrument'],
    ['started throws', handlerInstrument({ started: fails }), 'broken instrument'],
    ['run throws before next', handlerInstrument({ run: fails }), 'broken instrument'],
    [
      'run throws after next',
      handlerInstrument({
        run: (_, next) => {
          next();
          fails();
        },
      }),
      'broken instrument',
    ],
    ['run does not call next', handlerInstrument({ run: () => undefined }), undefined],
    [
      'run calls next twice',
      handlerInstrument({
        run: (_, next) => {
          next();
          next();
        },
      }),
      undefined,
    ],
    ['run calls next later', handlerInstrument({ run: (_, next) => void setTimeout(next, 20) }), undefined],
    ['ended throws', handlerInstrument({ ended: fails }), 'broken instrument'],
    ['started of an operation throws', operationInstrument({ started: fails }), 'broken instrument'],
    ['headers throws', operationInstrument({ headers: fails }), 'broken instrument'],
    ['ended of an operation throws', operationInstrument({ ended: fails }), 'broken instrument'],
    ['ended rejects', handlerInstrument({ ended: rejects }), 'broken instrument'],
    ['ended of an operation rejects', operationInstrument({ ended: rejects }), 'broken instrument'],
    [
      'headers returns invalid headers',
      operationInstrument({ headers: () => ({ 'not a name': 'a\r\nb' }) }),
      'not a name',
    ],
    ['headers returns a number', operationInstrument({ headers: () => 7 as never }), 'it returned 7'],
    ['headers returns an array', operationInstrument({ headers: () => ['a'] as never }), 'an array'],
    [
      'headers returns numbers',
      operationInstrument({ headers: () => ({ 'X-Number': 7 }) as never }),
      'whose values are strings',
    ],
    ['handler returns a number', { handler: () => 7 as never }, 'it returned 7'],
    ['operation returns a text', { operation: () => 'x' as never }, 'it returned "x"'],
    ['handler returns null', { handler: () => null as never }, 'it returned null'],
    ['handler is asynchronous', { handler: () => Promise.resolve({}) as never }, 'must not be asynchronous'],
    [
      'operation is asynchronous',
      { operation: () => Promise.resolve() as never },
      'must not be asynchronous',
    ],
    [
      'headers is asynchronous',
      operationInstrument({ headers: () => Promise.resolve({ 'X-Late': 'a' }) as never }),
      'must not be asynchronous',
    ],
    ['has no class', Object.assign(Object.create(null), { handler: fails }) as never, 'broken instrument'],
  ])('changes nothing, and is logged: %s', async (_, instrument, logged) => {
    const stream = `TASKS_${++serial}`;
    const handled: unknown[] = [];
    const other = new RecordingInstrument();
    @Injectable()
    class Tasks {
      @JsConsumer({ stream, durable: 'worker' })
      onTask(payload: unknown): string {
        handled.push(payload);
        return 'done';
      }
    }
    const logs = new LogRecorder();
    await using application = await startApplication(server.url, {
      options: { instruments: [instrument, other] },
      feature: { streams: [{ name: stream, subjects: [`tasks.${serial}`], storage: 'memory' }] },
      providers: [Tasks],
      logs,
    });
    const jetstream = application.app.get(JetStreamService);
    for (const each of [1, 2, 3]) await jetstream.publish(`tasks.${serial}`, each);
    await eventually(
      () => other.outcomes(),
      ({ length }) => length === 3,
    );
    expect(other.outcomes()).toEqual(['acked', 'acked', 'acked']);
    expect(handled).toHaveLength(3);
    // The same failure is logged once a minute.
    const expected = logged === undefined ? 0 : 1;
    const lines = await eventually(
      () => logs.of('error', 'Instruments'),
      ({ length }) => length === expected,
    );
    expect(lines.every((line) => line.includes(logged ?? ''))).toBe(true);
  });

  it.each<[string, JetStreamInstrument]>([
    ['handler', { handler: rejects }],
    ['operation', { operation: rejects }],
    ['headers', operationInstrument({ headers: rejects })],
  ])('may reject without ending the process, and both errors are logged: %s', async (method, instrument) => {
    const stream = `REJECTED_${++serial}`;
    @Injectable()
    class Tasks {
      @JsConsumer({ stream, durable: 'worker' })
      onTask(): void {
        // Nothing to do.
      }
    }
    await using application = await startApplication(server.url, {
      options: { instruments: [instrument] },
      feature: { streams: [{ name: stream, subjects: [`rejected.${serial}`], storage: 'memory' }] },
      providers: [Tasks],
    });
    const { app, logs } = application;
    for (const each of [1, 2]) await app.get(JetStreamService).publish(`rejected.${serial}`, each);
    const lines = await eventually(
      () =>
        logs.of('error', 'Instruments').filter((line) => line.includes('publish') || method !== 'headers'),
      ({ length }) => length === 2,
    );
    expect(lines.toSorted()).toEqual([
      expect.stringMatching(new RegExp(`${method}.* failed: .*broken instrument`)),
      expect.stringContaining('must not be asynchronous'),
    ]);
  });

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['a function', () => undefined],
    ['an object without methods', {}],
    ['a text', 'instrument'],
  ])('stops the boot: %s', async (_, instrument) => {
    const starting = startApplication(server.url, { options: { instruments: [instrument as never] } });
    await expect(starting).rejects.toThrow(InvalidArgumentError);
  });

  it('cannot be registered after the application has started, but by the constructor of a provider', async () => {
    const early = new RecordingInstrument();
    let late: unknown;
    @Injectable()
    class Observability implements OnModuleInit {
      constructor(private readonly instruments: JetStreamInstruments) {
        instruments.register(early);
        instruments.register(early);
      }

      onModuleInit(): void {
        this.instruments.register({ operation: () => undefined });
      }
    }
    Reflect.defineMetadata('design:paramtypes', [JetStreamInstruments], Observability);
    await using application = await startApplication(server.url, {
      feature: { streams: [{ name: 'LATE', subjects: ['late'], storage: 'memory' }] },
      providers: [Observability],
    });
    const { app } = application;
    await app.get(JetStreamService).publish('late', 1);
    expect(early.ended('publish')).toHaveLength(1);
    try {
      app.get(JetStreamInstruments).register(early);
    } catch (error) {
      late = error;
    }
    expect(late).toBeInstanceOf(InvalidArgumentError);
    expect((late as Error).message).toContain('already started');
  });

  it('adds headers to what is published, and never replaces those of the caller', async () => {
    const adding: JetStreamInstrument = {
      operation: () => ({ headers: () => ({ traceparent: 'ours', 'X-Tenant': 'ours' }) }),
    };
    const seen: unknown[] = [];
    await using application = await startApplication(server.url, {
      options: { instruments: [adding] },
      feature: { streams: [{ name: 'HEADERS', subjects: ['headers'], storage: 'memory' }] },
    });
    const jetstream = application.app.get(JetStreamService);
    await jetstream.publish('headers', 1);
    await jetstream.publish('headers', 2, { headers: { Traceparent: 'theirs' } });
    await jetstream.publishAsync('headers', 3).ack;
    const stream = await jetstream.stream('HEADERS');
    for (const sequence of [1, 2, 3]) {
      const { headers } = await stream.getMessage(sequence);
      seen.push(Object.fromEntries([...(headers ?? [])].map(([name, [value]]) => [name, value])));
    }
    expect(seen).toEqual([
      { traceparent: 'ours', 'X-Tenant': 'ours' },
      { Traceparent: 'theirs', 'X-Tenant': 'ours' },
      { traceparent: 'ours', 'X-Tenant': 'ours' },
    ]);
  });

  it('costs nothing without instruments: the compiled function is the same one', () => {
    const calls = new UserCalls({ error: () => undefined } as never);
    const compiled = (input: number): number => input;
    expect(
      new JetStreamInstruments().handler({
        handler: 'A.a',
        form: 'consumer',
        connection: 'default',
        source: 'S',
        patterns: [],
      }),
    ).toBeUndefined();
    const observer = new HandlerObserver('A.a', [{ started: () => undefined }], calls);
    expect(observer.around(compiled, () => [])).toBe(compiled);
  });
});
