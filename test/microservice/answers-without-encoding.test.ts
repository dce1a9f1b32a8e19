import { Catch, Controller, UseFilters, type ExceptionFilter } from '@nestjs/common';
import { MessagePattern, NatsRecord, Payload } from '@nestjs/microservices';
import { connect } from '@nats-io/transport-node';
import { JetStreamRecord } from 'nestjs-nats-jetstream/microservice';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { from, of, throwError, type Observable } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ask,
  askAll,
  connectClient,
  emit,
  failure,
  startMicroservice,
  type TestMicroservice,
} from './microservice.js';

/** Values that JSON omits or cannot represent. */
const VALUES: Record<string, { readonly value: unknown; readonly says: string }> = {
  symbol: { value: Symbol('secret'), says: 'it is a symbol' },
  function: { value: () => 1, says: 'it is a function' },
  class: { value: Map, says: 'it is a function' },
  bigint: { value: 10n, says: 'BigInt' },
};

/** The ways in which a handler can return a value. */
const FORMS: Record<string, (value: unknown) => unknown> = {
  'as it is': (value) => value,
  'by a promise': async (value) => value,
  'by an observable': (value) => of(value),
  'by a generator': function* (value) {
    yield value;
  },
  'by an asynchronous generator': async function* (value) {
    yield value;
  },
  'after another one': (value) => from([1, value, 2]),
  'in a record': (value) => new JetStreamRecord(value, { headers: { Note: 'x' } }),
  'in a record of Nest': (value) => new NatsRecord(value),
};

/** Results of a filter that the caller must not mistake for the absence of an error. */
const ERRORS: Record<string, unknown> = {
  undefined,
  null: null,
  false: false,
  zero: 0,
  'empty text': '',
  NaN: Number.NaN,
  symbol: Symbol('secret'),
  function: () => 1,
};

@Catch()
class OddFilter implements ExceptionFilter {
  catch(error: unknown): Observable<never> {
    return throwError(() => ERRORS[(error as Error).message]);
  }
}

interface Order {
  readonly form: string;
  readonly value: string;
}

@Controller()
class Answers {
  @MessagePattern('answers.core')
  core(@Payload() { form, value }: Order): unknown {
    return FORMS[form](VALUES[value].value);
  }

  @MessagePattern('durable.answer', { mode: 'jetstream', retry: { maxDeliver: 1 } })
  durable(@Payload() { form, value }: Order): unknown {
    return FORMS[form](VALUES[value].value);
  }

  @MessagePattern('answers.error')
  @UseFilters(new OddFilter())
  fail(@Payload() error: string): never {
    throw new Error(error);
  }

  @MessagePattern('durable.error', { mode: 'jetstream', retry: { maxDeliver: 1 } })
  @UseFilters(new OddFilter())
  failDurably(@Payload() error: string): never {
    throw new Error(error);
  }

  @MessagePattern('answers.nothing')
  nothing(): void {}
}

describe('a value that cannot be sent as an answer', () => {
  let nats: NatsTestServer;
  let client: Awaited<ReturnType<typeof connectClient>>;
  let service: TestMicroservice;

  beforeAll(async () => {
    nats = await NatsTestServer.start();
    service = await startMicroservice(nats.url, {
      controllers: [Answers],
      server: { streams: [{ name: 'ANSWERS', subjects: ['durable.*', 'events.*'], storage: 'memory' }] },
    });
    client = await connectClient(nats.url);
  });
  afterAll(async () => {
    await client.close();
    await service.app.close();
    await nats.stop();
  });

  const cases = Object.keys(VALUES).flatMap((value) => Object.keys(FORMS).map((form) => ({ value, form })));

  it.each(cases)('a $value $form: the caller gets an error', async (order) => {
    const error = await failure(askAll(client, 'answers.core', order));
    expect(error.message).toMatch(/^The answer cannot be encoded: /);
    expect(error.message).toContain(VALUES[order.value].says);
  });

  it.each(cases)('a $value $form, durably: the caller gets an error', async (order) => {
    const error = await failure(
      askAll(client, 'durable.answer', new JetStreamRecord(order, { mode: 'jetstream', timeout: 5_000 })),
    );
    expect(error.message).toMatch(/^The answer cannot be encoded: /);
    expect(error.message).toContain(VALUES[order.value].says);
  });

  it.each(Object.keys(VALUES))('a %s: a caller that is not Nest gets an error', async (value) => {
    const nc = await connect({ servers: nats.url });
    const reply = await nc.request('answers.core', JSON.stringify({ value, form: 'as it is' }));
    expect(reply.headers?.get('Nats-Service-Error')).toContain(VALUES[value].says);
    await nc.close();
  });

  it.each(Object.keys(ERRORS))('a filter that answers with %s: the caller gets an error', async (error) => {
    for (const pattern of ['answers.error', 'durable.error']) {
      const mode = pattern === 'durable.error' ? 'jetstream' : 'core';
      const thrown = await failure(
        askAll(client, pattern, new JetStreamRecord(error, { mode, timeout: 5_000 })),
      );
      expect(thrown.message).not.toBe('');
      expect(thrown.message).not.toMatch(/timeout/i);
    }
  });

  it.each(Object.keys(VALUES))('a %s cannot be sent as a request or an event either', async (value) => {
    const data = VALUES[value].value;
    for (const sent of [
      ask(client, 'answers.core', data),
      ask(client, 'durable.answer', new JetStreamRecord(data, { mode: 'jetstream' })),
      emit(client, 'events.a', data),
      emit(client, 'events.a', new JetStreamRecord(data, { mode: 'core' })),
    ]) {
      expect((await failure(sent)).message).toContain(VALUES[value].says);
    }
  });

  it('a handler that returns nothing sends an answer without a value, as in Nest', async () => {
    expect(await askAll(client, 'answers.nothing', 1)).toEqual([]);
  });
});
