import { Injectable } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { type } from 'arktype';
import {
  DeadLetters,
  defineMessage,
  getPublisherToken,
  InvalidMessageError,
  JetStreamService,
  JsConsumer,
  type MessagePublisher,
  type PayloadInputOf,
  type PayloadOf,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import * as v from 'valibot';
import { afterAll, beforeAll, beforeEach, describe, expect, expectTypeOf, it } from 'vitest';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

const OfValibot = defineMessage({
  subject: 'valibot.:id',
  schema: v.object({
    total: v.pipe(v.string(), v.regex(/^\d+$/), v.transform(Number)),
    note: v.optional(v.string(), 'none'),
  }),
});
const OfArkType = defineMessage({
  subject: 'arktype.:id',
  schema: type({ total: 'string.numeric.parse', note: 'string = "none"' }),
});

const seen: unknown[] = [];

@Injectable()
class Service {
  @JsConsumer(OfValibot, { durable: 'valibot', deadLetter: true })
  ofValibot(@Payload() payload: PayloadOf<typeof OfValibot>): void {
    seen.push(payload);
  }

  @JsConsumer(OfArkType, { durable: 'arktype', deadLetter: true })
  ofArkType(@Payload() payload: PayloadOf<typeof OfArkType>): void {
    seen.push(payload);
  }
}

describe.each([
  ['Valibot', OfValibot],
  ['ArkType', OfArkType],
] as const)('a message with a schema of %s', (_, contract) => {
  let server: NatsTestServer;
  let application: TestApplication;
  let publisher: MessagePublisher<typeof OfValibot>;

  beforeAll(async () => {
    server = await NatsTestServer.start();
    application = await startApplication(server.url, {
      feature: {
        streams: [{ name: 'MESSAGES', subjects: ['valibot.*', 'arktype.*'], storage: 'memory' }],
        messages: [OfValibot, OfArkType],
      },
      providers: [Service],
    });
    publisher = application.app.get(getPublisherToken(contract));
  });
  afterAll(async () => {
    await application.app.close();
    await server.stop();
  });
  beforeEach(() => {
    seen.length = 0;
  });

  it('is published as it is given, and its output reaches the handler', async () => {
    await publisher.publish({ id: '1' }, { total: '7' });
    await eventually(
      () => seen,
      ({ length }) => length === 1,
    );
    expect(seen).toEqual([{ total: 7, note: 'none' }]);
  });

  it('is not published with a payload that the schema refuses', async () => {
    const wrong = { total: 'seven' };
    await expect(publisher.publish({ id: '1' }, wrong)).rejects.toBeInstanceOf(InvalidMessageError);
    await expect(publisher.publish({ id: '1' }, 7 as never)).rejects.toBeInstanceOf(InvalidMessageError);
  });

  it('becomes a dead letter if the schema refuses what was received', async () => {
    const { jetstream, deadLetters } = {
      jetstream: application.app.get(JetStreamService),
      deadLetters: application.app.get(DeadLetters),
    };
    await jetstream.publish(contract.subject({ id: '2' }), { total: 7 });
    const kept = await eventually(
      async () => {
        const all = [];
        for await (const each of deadLetters.list({ consumer: contract.name.split('.')[0] })) all.push(each);
        return all;
      },
      ({ length }) => length === 1,
    );
    expect(kept[0]?.error).toMatch(/total/);
    expect(seen).toEqual([]);
  });
});

it('has the types of its schema', () => {
  expectTypeOf<PayloadOf<typeof OfValibot>>().toEqualTypeOf<{ total: number; note: string }>();
  expectTypeOf<PayloadInputOf<typeof OfValibot>>().toEqualTypeOf<{
    total: string;
    note?: string | undefined;
  }>();
  expectTypeOf<PayloadOf<typeof OfArkType>>().toEqualTypeOf<{ total: number; note: string }>();
});
