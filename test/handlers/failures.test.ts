import { setImmediate } from 'node:timers/promises';
import {
  Catch,
  createParamDecorator,
  Injectable,
  Scope,
  UseFilters,
  UseGuards,
  UsePipes,
  type ArgumentsHost,
  type CanActivate,
  type ExceptionFilter,
  type PipeTransform,
} from '@nestjs/common';
import { Ctx, Payload, RpcException } from '@nestjs/microservices';
import {
  DEAD_LETTER_STREAM,
  InvalidPayloadError,
  JetStreamContext,
  JetStreamError,
  JetStreamService,
  JsConsumer,
  JsHeaders,
  TerminateMessage,
  type PullJsConsumerOptions,
  type StandardSchema,
  type StoredMessage,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { of, throwError } from 'rxjs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RawPublisher } from '../connection/raw-publisher.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

class Broken extends Error {}

/** The errors that filters received, and the calls of handlers. */
let seen: unknown[] = [];

function filter(answer: (error: unknown) => unknown): ExceptionFilter {
  @Catch()
  class Filter implements ExceptionFilter {
    catch(error: unknown, host: ArgumentsHost): unknown {
      seen.push(error, host.switchToRpc().getData());
      return answer(error);
    }
  }
  return new Filter();
}

const raise = (error: unknown): never => {
  throw error;
};

describe('the failure of a handler', () => {
  let server: NatsTestServer;
  let serial = 0;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());
  beforeEach(() => {
    seen = [];
  });

  interface Running extends TestApplication {
    readonly jetstream: JetStreamService;
    readonly stream: string;
    letter(): Promise<StoredMessage>;
  }

  /** Starts a class whose method `on` is decorated as given. */
  async function start(
    on: (this: unknown, ...args: never[]) => unknown,
    decorators: readonly MethodDecorator[],
    options: Partial<PullJsConsumerOptions> = {},
    params: readonly ParameterDecorator[] = [Payload()],
    scope = Scope.DEFAULT,
  ): Promise<Running> {
    const stream = `FAILURES_${++serial}`;
    // oxlint-disable-next-line no-extraneous-class -- its method is added below
    class Failing {}
    Object.defineProperty(Failing.prototype, 'on', { value: on, configurable: true, writable: true });
    const descriptor = Object.getOwnPropertyDescriptor(Failing.prototype, 'on') as PropertyDescriptor;
    params.forEach((each, i) => each(Failing.prototype, 'on', i));
    const consumer = {
      stream,
      durable: 'on',
      deadLetter: true,
      retry: { maxDeliver: 2, backoff: [1] },
      ...options,
    };
    for (const each of [JsConsumer(consumer as PullJsConsumerOptions) as MethodDecorator, ...decorators]) {
      each(Failing.prototype, 'on', descriptor);
    }
    Injectable({ scope })(Failing);
    const application = await startApplication(server.url, {
      feature: { streams: [{ name: stream, subjects: [`${stream}.>`], storage: 'memory' }] },
      providers: [Failing],
    });
    const jetstream = application.app.get(JetStreamService);
    return {
      ...application,
      jetstream,
      stream,
      letter: async () => {
        const letters = await jetstream.stream(DEAD_LETTER_STREAM);
        return eventually(
          () => letters.getLastMessage(`dead-letters.${stream}.on`).catch(() => undefined),
          (letter) => letter !== undefined,
        ) as Promise<StoredMessage>;
      },
    };
  }

  const answers: [string, (error: unknown) => unknown, string][] = [
    [
      'throws an error of its own',
      () => raise(new TypeError('filter is broken')),
      'Broken: handler is broken',
    ],
    [
      'rejects with an error of its own',
      async () => raise(new TypeError('filter is broken')),
      'Broken: handler is broken',
    ],
    ['returns nothing', () => undefined, 'Broken: handler is broken'],
    ['is asynchronous and returns nothing', () => Promise.resolve(), 'Broken: handler is broken'],
    [
      'is asynchronous and answers with another error',
      async () => throwError(() => new RangeError('mapped')),
      'RangeError: mapped',
    ],
    ['throws the error itself', (error) => raise(error), 'Broken: handler is broken'],
    ['answers with the error itself', (error) => throwError(() => error), 'Broken: handler is broken'],
    [
      'answers with its content, as for a caller',
      () => throwError(() => ({ status: 'error' })),
      'Broken: handler is broken',
    ],
    ['answers with another error', () => throwError(() => new RangeError('mapped')), 'RangeError: mapped'],
    ['throws TerminateMessage', () => raise(new TerminateMessage('mapped')), 'TerminateMessage: mapped'],
  ];

  it.each(answers)('settles its message if a filter %s', async (name, answer, expected) => {
    const rules = {
      errors: [
        { type: Broken, maxDeliver: 1 },
        { type: RangeError, maxDeliver: 1 },
      ],
    };
    await using running = await start(
      () => raise(new Broken('handler is broken')),
      [UseFilters(filter(answer))],
      { retry: { maxDeliver: 5, backoff: [1], ...rules } },
    );
    await running.jetstream.publish(`${running.stream}.x`, '1');
    const { headers } = await running.letter();
    expect(headers?.get('Dead-Letter-Error')).toBe(expected);
    expect(headers?.get('Dead-Letter-Deliveries')).toBe('1');
    const reports = running.logs.of('error', 'ExceptionFilters');
    const isBroken = name.endsWith('an error of its own');
    expect(reports.map((text) => text.includes('filter is broken'))).toEqual(isBroken ? [true] : []);
  });

  it.each([
    ['', Scope.DEFAULT],
    [' with request scope', Scope.REQUEST],
  ])('to decode its payload is passed to filters of a handler%s', async (_, scope) => {
    await using running = await start(() => 1, [UseFilters(filter(() => undefined))], {}, [Payload()], scope);
    await running.jetstream.publish(`${running.stream}.x`, '{');
    expect((await running.letter()).headers?.get('Dead-Letter-Reason')).toBe('invalid payload');
    expect(seen).toEqual([expect.any(InvalidPayloadError), undefined]);
  });

  it('to decode its payload can be handled by a filter: the message counts as handled', async () => {
    await using running = await start(() => 1, [UseFilters(filter(() => of('answered')))]);
    await running.jetstream.publish(`${running.stream}.x`, '{');
    const consumer = await running.jetstream.consumer(running.stream, 'on');
    await eventually(
      () => consumer.info(),
      ({ ackFloor }) => ackFloor.streamSequence === 1,
    );
    expect(seen).toEqual([expect.any(InvalidPayloadError), undefined]);
  });

  it('names the guard that has refused it', async () => {
    class OnlyAdmins implements CanActivate {
      canActivate(): boolean {
        return false;
      }
    }
    await using running = await start(
      () => 1,
      [UseGuards(OnlyAdmins), UseFilters(filter((error) => throwError(() => error)))],
    );
    await running.jetstream.publish(`${running.stream}.x`, '1');
    expect((await running.letter()).headers?.get('Dead-Letter-Error')).toContain(
      'refused by the guard OnlyAdmins',
    );
    expect(running.logs.of('warn', 'Settlement').join()).toContain('OnlyAdmins');
    expect((seen[0] as RpcException).getError()).toBe('Forbidden resource');
  });

  it('is logged with its stack once, while it is retried', async () => {
    await using running = await start(() => raise(new TypeError('no such field')), [], {
      retry: { maxDeliver: 4, backoff: [1] },
    });
    await running.jetstream.publish(`${running.stream}.x`, '1');
    await running.letter();
    const warnings = running.logs.of('warn', 'Settlement');
    expect(warnings).toHaveLength(3);
    expect(warnings[0]).toContain(
      'delivery 1 of 4) failed and will be retried in 1 ms: TypeError: no such field',
    );
    expect(warnings[0]).toMatch(/TypeError: no such field\n.* at /);
    expect(warnings[1]).not.toContain('\n');
  });

  class BankClosed extends Error {}

  it.each<[string, unknown, string]>([
    ['of a class of its own', new BankClosed('no'), 'BankClosed: no'],
    ['with a name of its own', Object.assign(new Error('no'), { name: 'Closed' }), 'Closed: no'],
    ['of the class Error', new Error('no'), 'no'],
    ['of another type', 'no', 'no'],
  ])('is logged with its class: %s', async (_, error, text) => {
    await using running = await start(() => raise(error), [], { retry: { maxDeliver: 2, backoff: [1] } });
    await running.jetstream.publish(`${running.stream}.x`, '1');
    await running.letter();
    const [warning] = running.logs.of('warn', 'Settlement').map((line) => line.split('\n', 1)[0]);
    expect(warning?.endsWith(`delivery 1 of 2) failed and will be retried in 1 ms: ${text}`)).toBe(true);
    const [given] = running.logs.of('error', 'Settlement');
    expect(given?.endsWith(`in its last delivery, 2 of 2 (it becomes a dead letter): ${text}`)).toBe(true);
  });

  it('is logged with its stack again only if it is a different error', async () => {
    let failure = new TypeError('no such field');
    await using running = await start(() => raise(failure), [], { retry: { maxDeliver: 2, backoff: [1] } });
    const { jetstream, stream, logs } = running;
    const fail = async (): Promise<string> => {
      const before = logs.of('warn', 'Settlement').length;
      await jetstream.publish(`${stream}.x`, '1');
      const warnings = await eventually(
        () => logs.of('warn', 'Settlement'),
        ({ length }) => length > before,
      );
      return warnings[before];
    };
    expect(await fail()).toMatch(/TypeError: no such field\n.* at /);
    expect(await fail()).not.toContain('\n');
    failure = new RangeError('too far');
    expect(await fail()).toMatch(/RangeError: too far\n.* at /);
  });

  class RejectingPipe implements PipeTransform {
    async transform(): Promise<never> {
      await setImmediate();
      throw new Error('pipe rejects');
    }
  }
  const Throwing = createParamDecorator(() => raise(new Error('decorator throws')));
  const Rejecting = createParamDecorator(async () => raise(new Error('decorator rejects')));
  const Resolving = createParamDecorator(async () => {
    await setImmediate();
    return 'resolved';
  });

  it.each<[string, MethodDecorator[], ParameterDecorator[], string]>([
    [
      'a pipe rejects and a decorator throws',
      [],
      [Payload(new RejectingPipe()), Throwing()],
      'decorator throws',
    ],
    [
      'a pipe rejects and a decorator rejects',
      [],
      [Payload(new RejectingPipe()), Rejecting()],
      'decorator rejects',
    ],
    ['a decorator rejects and another throws', [], [Rejecting(), Throwing()], 'decorator throws'],
    [
      'both reject below a guard',
      [UseGuards({ canActivate: () => true })],
      [Rejecting(), Payload(new RejectingPipe())],
      'decorator rejects',
    ],
    ['a pipe of all parameters rejects', [UsePipes(new RejectingPipe())], [Payload(), Ctx()], 'pipe rejects'],
  ])('in its parameters counts as one failure: %s', async (_, decorators, params, expected) => {
    await using running = await start(() => 1, decorators, {}, params);
    await running.jetstream.publish(`${running.stream}.x`, '1');
    expect((await running.letter()).headers?.get('Dead-Letter-Error')).toContain(expected);
  });

  it('is not caused by a decorator that returns a promise: the method gets the value', async () => {
    await using running = await start((value: string) => void seen.push(value), [], {}, [Resolving()]);
    await running.jetstream.publish(`${running.stream}.x`, '1');
    await eventually(
      () => seen,
      ({ length }) => length === 1,
    );
    expect(seen).toEqual(['resolved']);
  });

  it('of an asynchronous schema in a request-scoped handler counts as one failure', async () => {
    const schema: StandardSchema = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: async () => Promise.resolve({ issues: [{ message: 'never valid' }] }),
      },
    };
    await using running = await start(() => 1, [], { schema }, [Payload()], Scope.REQUEST);
    await running.jetstream.publish(`${running.stream}.x`, '1');
    const { headers } = await running.letter();
    expect(headers?.get('Dead-Letter-Error')).toContain('never valid');
    expect(headers?.get('Dead-Letter-Deliveries')).toBe('1');
  });

  it.each<[string, unknown]>([
    ['a symbol', Symbol('thrown')],
    ['null', null],
    ['an object without a prototype', Object.create(null)],
    [
      'an error whose message throws',
      Object.defineProperty(new Error(), 'message', { get: () => raise(new Error()) }),
    ],
    [
      'a proxy that is revoked',
      (() => {
        const { proxy, revoke } = Proxy.revocable({}, {});
        revoke();
        return proxy;
      })(),
    ],
    ['an error with line ends and escape sequences', new Error('one\n\u001b[31mtwo')],
  ])('with %s is retried and kept like any other', async (_, thrown) => {
    await using running = await start(() => raise(thrown), [UseFilters(filter(() => undefined))]);
    await running.jetstream.publish(`${running.stream}.x`, '1');
    expect((await running.letter()).headers?.get('Dead-Letter-Deliveries')).toBe('2');
    expect(running.logs.lines.map(({ text }) => text).join('')).not.toContain('\u001b');
  });

  it.each<[string, Partial<PullJsConsumerOptions>]>([
    ['single messages', {}],
    ['batches', { batch: { size: 1 } }],
    ['messages in order', { orderBy: () => 'key', concurrency: 2 }],
    ['messages once per key', { idempotent: { bucket: 'failures', key: 'x' } }],
  ])('to read its headers counts as an invalid payload: handler of %s', async (_, options) => {
    await using running = await start(() => void seen.push('called'), [], options, [Ctx()]);
    await using publisher = await RawPublisher.connect(server.url);
    await publisher.publish(`${running.stream}.x`, 'HTTP/1.1\r\nx: y\r\n\r\n', '1');
    const { headers } = await running.letter();
    expect(headers?.get('Dead-Letter-Error')).toContain('does not begin with NATS/1.0');
    const raw = Buffer.from(headers?.get('Dead-Letter-Raw-Headers') ?? '', 'base64').toString();
    expect(raw).toBe('HTTP/1.1\r\nx: y\r\n\r\n');
    expect(headers?.get('Dead-Letter-Reason')).toBe('invalid payload');
    expect(headers?.get('Dead-Letter-Deliveries')).toBe('1');
    expect(seen).toEqual([]);
  });

  it('of an idempotence key function counts as an invalid payload; its headers ignore case', async () => {
    const key = (): string => raise(new Error('no key'));
    await using running = await start(() => 1, [], { idempotent: { bucket: 'failures', key } });
    await running.jetstream.publish(`${running.stream}.x`, '1');
    const { headers } = await running.letter();
    expect(headers?.get('Dead-Letter-Error')).toContain('the function of the idempotence key threw: no key');
    await using other = await start(
      (...given: unknown[]) => void seen.push(...given),
      [],
      { idempotent: { bucket: 'failures', key: 'Idempotency-Key' } },
      [JsHeaders('Traceparent'), JsHeaders('Exact'), Ctx()],
    );
    await other.jetstream.publish(`${other.stream}.x`, '1', {
      headers: { 'idempotency-key': 'one', traceparent: 'trace', exact: 'wrong', Exact: 'right' },
    });
    await eventually(
      () => seen,
      ({ length }) => length === 3,
    );
    expect(seen.slice(0, 2)).toEqual(['trace', 'right']);
    expect(seen[2]).toBeInstanceOf(JetStreamContext);
  });
});

it('recognizes errors of another copy of the library', () => {
  const other = Object.assign(new Error('other'), { [Symbol.for('nestjs-nats-jetstream:error')]: true });
  expect(other).toBeInstanceOf(JetStreamError);
  expect(new Error('other')).not.toBeInstanceOf(JetStreamError);
});
