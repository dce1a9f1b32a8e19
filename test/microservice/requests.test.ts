import { Controller, Inject, Injectable, Scope } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import {
  Ctx,
  MessagePattern,
  NatsRecordBuilder,
  Payload,
  RpcException,
  type RequestContext,
} from '@nestjs/microservices';
import { connect, headers, type NatsConnection } from '@nats-io/transport-node';
import { NoRespondersError, RequestTimeoutError } from 'nestjs-nats-jetstream';
import { JetStreamRecordBuilder, JetStreamRequestContext } from 'nestjs-nats-jetstream/microservice';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import {
  concat,
  firstValueFrom,
  from,
  interval,
  NEVER,
  Observable,
  of,
  take,
  throwError,
  toArray,
} from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { ask, askAll, connectClient, failure, startMicroservice } from './microservice.js';

/** The answers that ended before they were complete. */
const ended: string[] = [];

@Controller()
class Calculator {
  @MessagePattern('sum')
  sum(@Payload() numbers: number[]): number {
    return numbers.reduce((a, b) => a + b, 0);
  }

  @MessagePattern({ cmd: 'double', unit: 'km' })
  async double(@Payload('value') value: number): Promise<number> {
    return 2 * value;
  }

  @MessagePattern('void')
  nothing(): void {}

  @MessagePattern('null')
  nil(): null {
    return null;
  }

  @MessagePattern('orders.*.status')
  status(@Ctx() context: JetStreamRequestContext): string {
    return `any ${context.subject}`;
  }

  @MessagePattern('orders.eu.status')
  statusInEurope(): string {
    return 'europe';
  }

  @MessagePattern('orders.>')
  anything(@Ctx() context: JetStreamRequestContext): string {
    return `rest ${context.getSubject()}`;
  }

  @MessagePattern('context')
  context(@Ctx() context: JetStreamRequestContext): object {
    return {
      subject: context.getSubject(),
      trace: context.headers?.get('Trace-Id'),
      same: context.getHeaders() === context.headers,
    };
  }

  @MessagePattern('with-headers')
  withHeaders(): unknown {
    return new JetStreamRecordBuilder('answer').setHeaders({ 'Trace-Id': '7' }).build();
  }
}

@Controller()
class Streams {
  @MessagePattern('at-once')
  atOnce(@Payload() n: number): Observable<number> {
    return from(Array.from({ length: n }, (_, i) => i));
  }

  @MessagePattern('slowly')
  slowly(@Payload() n: number): Observable<number> {
    return interval(5).pipe(take(n));
  }

  @MessagePattern('then-fails')
  thenFails(): Observable<number> {
    return concat(
      of(1, 2),
      throwError(() => new RpcException('enough')),
    );
  }

  @MessagePattern('iterated')
  async *iterated(@Payload() n: number): AsyncGenerator<number> {
    for (let i = 0; i < n; i++) yield i;
  }

  @MessagePattern('iterated-then-fails')
  async *iteratedThenFails(): AsyncGenerator<number> {
    yield 1;
    throw new RpcException('enough');
  }

  @MessagePattern('endless')
  endless(): Observable<number> {
    return new Observable<number>((subscriber) => {
      const subscription = interval(5).subscribe(subscriber);
      return () => {
        subscription.unsubscribe();
        ended.push('endless');
      };
    });
  }

  @MessagePattern('endless-iterated')
  async *endlessIterated(): AsyncGenerator<number> {
    try {
      for (let i = 0; ; i++) {
        yield i;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    } finally {
      ended.push('endless-iterated');
    }
  }

  @MessagePattern('silent')
  silent(@Ctx() context: JetStreamRequestContext): Observable<never> {
    context.signal.addEventListener('abort', () => ended.push('silent'));
    return NEVER;
  }
}

@Controller()
class Refusals {
  @MessagePattern('refuse')
  refuse(): never {
    throw new RpcException({ code: 7, message: 'not allowed', hint: ['a', 'b'] });
  }

  @MessagePattern('refuse-with-text')
  refuseWithText(): never {
    throw new RpcException('not allowed');
  }
}

@Controller()
class Failures {
  @MessagePattern('break')
  break(): never {
    throw new Error('the password is 1234');
  }

  @MessagePattern('no-json')
  noJson(): bigint {
    return 1n;
  }

  @MessagePattern('bad-headers')
  badHeaders(): unknown {
    return new JetStreamRecordBuilder(1).setHeaders({ 'Two-Lines': 'one\r\ntwo' }).build();
  }

  @MessagePattern('two-lines')
  twoLines(): never {
    throw new RpcException('one\r\ntwo');
  }

  @MessagePattern('too-large')
  tooLarge(): string {
    return 'x'.repeat(2_000_000);
  }
}

describe('requests over core NATS', () => {
  let nats: NatsTestServer;
  let raw: NatsConnection;
  let service: Awaited<ReturnType<typeof startMicroservice>>;
  let client: Awaited<ReturnType<typeof connectClient>>;

  beforeAll(async () => {
    nats = await NatsTestServer.start({ jetstream: false });
    raw = await connect({ servers: nats.url });
    service = await startMicroservice(nats.url, { controllers: [Calculator, Streams, Refusals] });
    client = await connectClient(nats.url);
  });
  afterAll(async () => {
    await client.close();
    await service.app.close();
    await raw.close();
    await nats.stop();
  });

  describe('are answered', () => {
    it('by handlers whose pattern is a string, an object with keys in any order, or a wildcard', async () => {
      expect(await ask(client, 'sum', [1, 2, 3])).toBe(6);
      expect(await ask(client, { unit: 'km', cmd: 'double' }, { value: 21 })).toBe(42);
      expect(await ask(client, 'orders.us.status', 1)).toBe('any orders.us.status');
    });

    it('by the most specific handler of overlapping patterns, every time', async () => {
      const subjects = ['orders.eu.status', 'orders.us.status', 'orders.us.items.1'];
      for (let i = 0; i < 20; i++) {
        const answers = await Promise.all(subjects.map((subject) => askAll(client, subject, 1)));
        expect(answers).toEqual([['europe'], ['any orders.us.status'], ['rest orders.us.items.1']]);
      }
    });

    it('with null like any value, and without a value if the handler returns nothing', async () => {
      expect(await askAll(client, 'null', 1)).toEqual([null]);
      expect(await askAll(client, 'void', 1)).toEqual([]);
    });

    it('each with its own answer, a thousand at a time', async () => {
      const answers = await Promise.all(
        Array.from({ length: 1_000 }, (_, i) => ask<number>(client, 'sum', [i, 1])),
      );
      expect(answers).toEqual(Array.from({ length: 1_000 }, (_, i) => i + 1));
    });

    it('once by a queue group of several instances', async () => {
      await using second = await startMicroservice(nats.url, { controllers: [Calculator] });
      expect(second.app).toBeDefined();
      for (let i = 0; i < 10; i++) expect(await askAll(client, 'sum', [i])).toEqual([i]);
    });

    it('with headers both ways', async () => {
      const record = new JetStreamRecordBuilder({}).setHeaders({ 'Trace-Id': '42' }).build();
      expect(await ask(client, 'context', record)).toEqual({ subject: 'context', trace: '42', same: true });
      const nests = headers();
      nests.set('Trace-Id', '43');
      expect(await ask(client, 'context', new NatsRecordBuilder({}).setHeaders(nests).build())).toMatchObject(
        {
          trace: '43',
        },
      );
      const reply = await raw.request(
        'with-headers',
        JSON.stringify({ pattern: 'with-headers', data: 1, id: 'a' }),
      );
      expect(reply.headers?.get('Trace-Id')).toBe('7');
      expect(reply.json()).toEqual({ response: 'answer', isDisposed: true, id: 'a' });
    });

    it('with the default headers of the client, unless the record has others', async () => {
      await using other = await connectClient(nats.url, { headers: { 'Trace-Id': 'default' } });
      expect(await ask(other, 'context', {})).toMatchObject({ trace: 'default' });
      const record = new JetStreamRecordBuilder({}).setHeaders({ 'Trace-Id': 'own' }).build();
      expect(await ask(other, 'context', record)).toMatchObject({ trace: 'own' });
    });
  });

  describe('with several answers', () => {
    it('deliver all values of an observable in order, fast or slow', async () => {
      expect(await askAll(client, 'at-once', 1_000)).toEqual(Array.from({ length: 1_000 }, (_, i) => i));
      expect(await askAll(client, 'slowly', 5)).toEqual([0, 1, 2, 3, 4]);
      expect(await askAll(client, 'slowly', 0)).toEqual([]);
    });

    it('deliver all values of an asynchronous iterable in order', async () => {
      expect(await askAll(client, 'iterated', 1_000)).toEqual(Array.from({ length: 1_000 }, (_, i) => i));
    });

    it.each(['then-fails', 'iterated-then-fails'])(
      'end with the error after the previous values: %s',
      async (pattern) => {
        const answers: unknown[] = [];
        const error = await new Promise<Error>((resolve) =>
          client.send(pattern, 1).subscribe({ next: (answer) => answers.push(answer), error: resolve }),
        );
        expect(answers).toEqual(pattern === 'then-fails' ? [1, 2] : [1]);
        expect(error).toBeInstanceOf(RpcException);
        expect(error.message).toBe('enough');
      },
    );

    it.each(['endless', 'endless-iterated'])('stop when the caller unsubscribes: %s', async (pattern) => {
      ended.length = 0;
      expect(await firstValueFrom(client.send<number>(pattern, 1).pipe(take(3), toArray()))).toEqual([
        0, 1, 2,
      ]);
      await eventually(
        () => ended,
        (all) => all.includes(pattern),
      );
    });

    it('stop when the caller unsubscribes before the first answer', async () => {
      ended.length = 0;
      client.send('silent', 1).subscribe().unsubscribe();
      await eventually(
        () => ended,
        (all) => all.includes('silent'),
      );
      expect(ended).toEqual(['silent']);
    });

    it('stop when the caller is a plain subscription that no longer exists', async () => {
      ended.length = 0;
      const inbox = 'my.inbox';
      const subscription = raw.subscribe(inbox, { max: 2 });
      raw.publish('endless', JSON.stringify({ pattern: 'endless', data: 1, id: 'x' }), { reply: inbox });
      for await (const message of subscription) expect(message.json()).toMatchObject({ id: 'x' });
      await eventually(
        () => ended,
        (all) => all.includes('endless'),
      );
    });
  });

  describe('fail', () => {
    it('at once if no service listens', async () => {
      const started = performance.now();
      const error = await failure(ask(client, 'unhandled', 1));
      expect(error).toBeInstanceOf(NoRespondersError);
      expect(error.message).toContain('"unhandled"');
      expect(performance.now() - started).toBeLessThan(1_000);
    });

    it('with an RpcException that carries the error of the handler', async () => {
      const error = (await failure(ask(client, 'refuse', 1))) as RpcException;
      expect(error).toBeInstanceOf(RpcException);
      expect(error.message).toBe('not allowed');
      expect(error.getError()).toEqual({ code: 7, message: 'not allowed', hint: ['a', 'b'] });
      const text = (await failure(ask(client, 'refuse-with-text', 1))) as RpcException;
      expect(text.getError()).toEqual({ status: 'error', message: 'not allowed' });
    });

    it('without details of an internal error', async () => {
      await using failing = await startMicroservice(nats.url, { controllers: [Failures] });
      const error = (await failure(ask(client, 'break', 1))) as RpcException;
      expect(error.getError()).toEqual({ status: 'error', message: 'Internal server error' });
      expect(failing.logs.of('error').join()).toContain('the password is 1234');
    });

    it('if the answer cannot be encoded, or is too large', async () => {
      await using failing = await startMicroservice(nats.url, { controllers: [Failures] });
      expect((await failure(ask(client, 'no-json', 1))).message).toContain('cannot be encoded');
      expect((await failure(ask(client, 'too-large', 1))).message).toContain(
        'larger than the server accepts',
      );
      expect((await failure(ask(client, 'bad-headers', 1))).message).toContain('headers that cannot be sent');
      expect(failing.logs.of('error', 'JetStreamServer').join()).toContain('"too-large"');
      expect(await ask(client, 'sum', [1])).toBe(1);
    });

    it('after the timeout of the client or of the record, and cancel the handler', async () => {
      await using impatient = await connectClient(nats.url, { timeout: 300 });
      ended.length = 0;
      expect(await failure(ask(impatient, 'silent', 1))).toBeInstanceOf(RequestTimeoutError);
      await eventually(
        () => ended,
        (all) => all.includes('silent'),
      );
      const record = new JetStreamRecordBuilder(1).setTimeout(150).build();
      const error = await failure(ask(client, 'silent', record));
      expect(error).toMatchObject({ name: 'RequestTimeoutError', timeout: 150, subject: 'silent' });
    });

    it('not by the timeout while answers keep arriving', async () => {
      await using impatient = await connectClient(nats.url, { timeout: 100 });
      expect(await askAll(impatient, 'slowly', 60)).toHaveLength(60);
    });

    it.each([
      ['a b', 'without spaces'],
      ['a..b', 'empty tokens'],
      ['orders.*', 'wildcards are only allowed in the patterns of handlers'],
    ])('before anything is sent if the pattern is not a valid subject: %s', async (pattern, words) => {
      expect((await failure(ask(client, pattern, 1))).message).toContain(words);
    });
  });

  describe('that are not packets', () => {
    it('are answered with an error that Nest clients can read, and do no harm', async () => {
      @Controller()
      class Strict {
        @MessagePattern('strict')
        strict(@Payload() data: unknown): unknown {
          return data;
        }
      }
      await using strict = await startMicroservice(nats.url, { controllers: [Strict] });
      for (const payload of ['{"pattern":', '[', '{"id":'.repeat(10), new Uint8Array([255, 254, 0])]) {
        const reply = await raw.request('strict', payload, { timeout: 2_000 });
        expect(reply.json()).toMatchObject({ isDisposed: true, err: { status: 'error' } });
        raw.publish('strict', payload);
      }
      await raw.flush();
      expect(await ask(client, 'strict', { id: 7 })).toEqual({ id: 7 });
      expect(strict.logs.of('error', 'JetStreamServer')).toHaveLength(8);
      expect(strict.logs.of('error', 'JetStreamServer')[0]).toContain('"strict" is not handled');
    });

    it('of other clients are handled unchanged, and get bare answers', async () => {
      const reply = await raw.request('sum', '[4,5]');
      expect(reply.json()).toBe(9);
      const refused = await raw.request('refuse', 'null');
      expect(refused.json()).toEqual({ code: 500, message: 'not allowed' });
      expect(refused.headers?.get('Nats-Service-Error')).toBe('not allowed');
      expect(refused.headers?.get('Nats-Service-Error-Code')).toBe('500');
      await using failing = await startMicroservice(nats.url, { controllers: [Failures] });
      expect(failing.app).toBeDefined();
      const lines = await raw.request('two-lines', 'null');
      expect(lines.headers?.get('Nats-Service-Error')).toBe('one two');
    });

    it.each([
      ['an object with a pattern that is not the subject', { pattern: 'other', data: 1 }],
      ['an object with data but no id and no pattern', { data: { n: 1 } }],
      ['an object with a nested packet', { value: { pattern: 'echo', data: 1, id: '1' } }],
    ])('reach the handler unchanged: %s', async (_, payload) => {
      @Controller()
      class Echo {
        @MessagePattern('echo')
        echo(@Payload() data: unknown): unknown {
          return data;
        }
      }
      await using echo = await startMicroservice(nats.url, { controllers: [Echo] });
      expect(echo.app).toBeDefined();
      expect((await raw.request('echo', JSON.stringify(payload))).json()).toEqual(payload);
      expect(await ask(client, 'echo', payload)).toEqual(payload);
    });
  });

  it('read the answers of services without Nest', async () => {
    raw.subscribe('bare', { callback: (_, message) => void message.respond('{"total":3}') });
    raw.subscribe('micro', {
      callback: (_, message) => {
        const error = headers();
        error.set('Nats-Service-Error', 'out of stock');
        error.set('Nats-Service-Error-Code', '409');
        message.respond('', { headers: error });
      },
    });
    raw.subscribe('garbage', { callback: (_, message) => void message.respond('{') });
    raw.subscribe('empty', { callback: (_, message) => void message.respond('') });
    await raw.flush();
    expect(await ask(client, 'bare', 1)).toEqual({ total: 3 });
    const error = (await failure(ask(client, 'micro', 1))) as RpcException;
    expect(error.getError()).toEqual({ code: 409, message: 'out of stock' });
    expect(await failure(ask(client, 'garbage', 1))).toMatchObject({
      name: 'InvalidReplyError',
      subject: 'garbage',
    });
    expect(await failure(ask(client, 'empty', 1))).toMatchObject({ name: 'InvalidReplyError' });
  });

  it('reach every instance if the queue is turned off', async () => {
    @Controller()
    class Census {
      @MessagePattern('census')
      census(): number {
        return 1;
      }
    }
    const answers: unknown[] = [];
    await using first = await startMicroservice(nats.url, {
      controllers: [Census],
      server: { queue: false },
    });
    await using second = await startMicroservice(nats.url, {
      controllers: [Census],
      server: { queue: false },
    });
    expect([first, second]).toHaveLength(2);
    raw.subscribe('census-answers', { callback: (_, message) => void answers.push(message.json()) });
    raw.publish('census', '1', { reply: 'census-answers' });
    await eventually(
      () => answers,
      (all) => all.length === 2,
    );
  });

  it('are handled by request-scoped controllers, each by its own instance', async () => {
    let made = 0;
    @Injectable({ scope: Scope.REQUEST })
    class Counter {
      readonly serial = ++made;
    }
    @Controller()
    class Scoped {
      constructor(
        private readonly counter: Counter,
        @Inject(REQUEST) private readonly request: RequestContext<number>,
      ) {}

      @MessagePattern('scoped')
      scoped(@Payload() data: number): object {
        return { data, requested: this.request.getData(), serial: this.counter.serial };
      }
    }
    await using scoped = await startMicroservice(nats.url, { controllers: [Scoped], providers: [Counter] });
    expect(scoped.app).toBeDefined();
    expect(await ask(client, 'scoped', 5)).toEqual({ data: 5, requested: 5, serial: 1 });
    expect(await ask(client, 'scoped', 6)).toEqual({ data: 6, requested: 6, serial: 2 });
  });

  it('in flight are answered before the service has closed', async () => {
    let begun = false;
    @Controller()
    class Slow {
      @MessagePattern('slow')
      async slow(): Promise<string> {
        begun = true;
        await new Promise((resolve) => setTimeout(resolve, 300));
        return 'done';
      }
    }
    const slow = await startMicroservice(nats.url, { controllers: [Slow] });
    const answer = ask(client, 'slow', 1);
    await eventually(() => begun, Boolean);
    await slow.app.close();
    expect(await answer).toBe('done');
    expect(await failure(ask(client, 'slow', 1))).toBeInstanceOf(NoRespondersError);
  });

  it('that do not end within the shutdown timeout are cancelled', async () => {
    const story: string[] = [];
    @Controller()
    class Endless {
      @MessagePattern('hangs')
      hangs(@Ctx() context: JetStreamRequestContext): Observable<never> {
        context.signal.addEventListener('abort', () => story.push('aborted'));
        story.push('begun');
        return NEVER;
      }
    }
    const hanging = await startMicroservice(nats.url, {
      controllers: [Endless],
      server: { shutdownTimeout: 100 },
    });
    const answer = failure(ask(client, 'hangs', 1));
    await eventually(
      () => story.length,
      (n) => n === 1,
    );
    await hanging.app.close();
    expect(story).toEqual(['begun', 'aborted']);
    expect((await answer).message).toContain('stopped before');
    expect(hanging.logs.of('warn', 'JetStreamServer')).toEqual([
      '1 requests were cancelled: they were not answered within 100 ms',
    ]);
  });
});
