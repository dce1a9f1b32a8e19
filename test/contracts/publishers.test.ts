import { Inject, Injectable } from '@nestjs/common';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { Payload } from '@nestjs/microservices';
import { IsInt, IsString, Min, ValidateNested } from 'class-validator';
import { Type } from 'class-transformer';
import {
  defineMessage,
  type Codec,
  getPublisherToken,
  InjectPublisher,
  InvalidArgumentError,
  InvalidMessageError,
  JetStreamModule,
  JetStreamService,
  JsConsumer,
  JsMetadata,
  type MessageContract,
  type MessageMetadata,
  MessagePublisher,
  type StandardSchema,
  WrongLastSequenceError,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { startApplication, type TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

class Line {
  @IsString() article = '';
}
class Basket {
  @IsInt() @Min(1) count = 0;
  @ValidateNested({ each: true }) @Type(() => Line) lines: Line[] = [];
}

abstract class Payment {
  @IsInt() @Min(1) cents = 0;
}
class Card extends Payment {
  @IsString() number = '';
}
class Cash extends Payment {}
class Paid {
  @ValidateNested({ each: true })
  @Type(() => Payment, {
    discriminator: {
      property: 'kind',
      subTypes: [
        { value: Card, name: 'card' },
        { value: Cash, name: 'cash' },
      ],
    },
  })
  payments: (Payment & { kind?: string })[] = [];
}

const schema = z.object({ total: z.string().transform(Number) });
const refusing: StandardSchema<number, number> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: () => ({ issues: [{ message: 'refused', path: ['a', 0] }] }),
  },
};
const slow: StandardSchema<number, number> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) =>
      Promise.resolve(typeof value === 'number' ? { value } : { issues: [{ message: 'not a number' }] }),
  },
};
const failing: StandardSchema<number, number> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) => {
      if (value === 1) throw new TypeError('the schema is broken');
      return Promise.reject(new TypeError('the schema is broken'));
    },
  },
};
const upperCase: Codec<string> = {
  contentType: 'text/upper',
  encode: (value) => new TextEncoder().encode(value.toUpperCase()),
  decode: (data) => new TextDecoder().decode(data).toLowerCase(),
};

const Placed = defineMessage({ subject: 'orders.:id.placed', schema });
const Basketed = defineMessage({ subject: 'baskets.:id', schema: Basket });
const PaidBy = defineMessage({ subject: 'baskets.:id.paid', schema: Paid });
const Refused = defineMessage({ subject: 'refused.both', schema: refusing });
const OnConsume = defineMessage({ subject: 'refused.consume', schema: refusing, validate: 'consume' });
const OnPublish = defineMessage({ subject: 'refused.publish', schema: refusing, validate: 'publish' });
const Off = defineMessage({ subject: 'refused.off', schema: refusing, validate: 'off' });
const Slow = defineMessage({ subject: 'slow', schema: slow });
const Failing = defineMessage({ subject: 'failing', schema: failing });
const Named = defineMessage({ subject: 'named', schema: z.string() });
const Upper = defineMessage({
  subject: 'upper',
  schema: z.string(),
  contentType: 'text/upper; charset=utf-8',
});
const Text = defineMessage({ subject: 'text', schema: z.string(), contentType: 'text/plain' });
const Due = defineMessage({ subject: 'due.:id', schema: z.object({ id: z.number() }) });
const Ticked = defineMessage({ subject: 'prices.:symbol', schema: z.number(), core: true });
const messages: MessageContract[] = [
  Placed,
  Basketed,
  PaidBy,
  Refused,
  OnConsume,
  OnPublish,
  Off,
  Slow,
  Failing,
  Named,
  Upper,
  Text,
  Due,
  Ticked,
];

describe('the publisher of a message', () => {
  let server: NatsTestServer;
  let application: TestApplication;
  let jetstream: JetStreamService;
  let listener: NatsConnection;

  beforeAll(async () => {
    server = await NatsTestServer.start();
    application = await startApplication(server.url, {
      options: { codecs: [upperCase] },
      feature: {
        streams: [
          {
            name: 'ALL',
            subjects: [
              'orders.>',
              'baskets.>',
              'refused.*',
              'slow',
              'failing',
              'named',
              'upper',
              'text',
              'due.*',
              'schedules.*',
            ],
            storage: 'memory',
            allowMessageSchedules: true,
            allowDirect: true,
          },
        ],
        messages,
      },
    });
    jetstream = application.app.get(JetStreamService);
    listener = await connect({ servers: server.url });
  });
  afterAll(async () => {
    await application[Symbol.asyncDispose]();
    await listener.close();
    await server.stop();
  });

  const publisherOf = <Contract extends MessageContract>(contract: Contract): MessagePublisher<Contract> =>
    application.app.get<MessagePublisher<Contract>>(getPublisherToken(contract));
  const stored = async (): Promise<number> => (await (await jetstream.stream('ALL')).info()).state.messages;
  const last = async (subject: string): Promise<{ text: string; contentType: string | undefined }> => {
    const message = await (await jetstream.stream('ALL')).getLastMessage(subject);
    return { text: message.text(), contentType: message.headers?.get('Content-Type') || undefined };
  };

  it('fills in the subject and sends the payload as it is given, not as the schema returns it', async () => {
    const ack = await publisherOf(Placed).publish({ id: '7' }, { total: '5' }, { headers: { Tenant: 'a' } });
    expect(ack.stream).toBe('ALL');
    expect(await last('orders.7.placed')).toEqual({ text: '{"total":"5"}', contentType: undefined });
  });

  it('passes its options on', async () => {
    const publisher = publisherOf(Placed);
    const first = await publisher.publish({ id: 'same' }, { total: '1' }, { messageId: 'm' });
    const again = await publisher.publish({ id: 'same' }, { total: '1' }, { messageId: 'm' });
    expect(again).toMatchObject({ duplicate: true, sequence: first.sequence });
    const expecting = { expect: { lastSubjectSequence: 0 } };
    await expect(publisher.publish({ id: 'same' }, { total: '1' }, expecting)).rejects.toThrow(
      WrongLastSequenceError,
    );
    const unknown = { codec: upperCase, messageIds: 'x' } as object;
    await expect(publisher.publish({ id: 'same' }, { total: '1' }, unknown)).rejects.toThrow(
      InvalidArgumentError,
    );
  });

  it.each<[string, () => unknown, unknown]>([
    ['a payload', () => publisherOf(Placed).publish({ id: '1' }, { total: 5 } as never), InvalidMessageError],
    ['a payload of publishAsync', () => publisherOf(Refused).publishAsync({}, 1), InvalidMessageError],
    [
      'a payload of publishAsync, later',
      () => publisherOf(Slow).publishAsync({}, 'x' as never).ack,
      InvalidMessageError,
    ],
    [
      'a payload of a schedule',
      () => publisherOf(Due).schedule({ id: '1' }, {} as never, { subject: 'schedules.1', at: new Date() }),
      InvalidMessageError,
    ],
    [
      'a payload of a class',
      () => publisherOf(Basketed).publish({ id: '1' }, { count: 0, lines: [] }),
      InvalidMessageError,
    ],
    [
      'a list in place of an object',
      () => publisherOf(Basketed).publish({ id: '1' }, [] as never),
      InvalidMessageError,
    ],
    ['a parameter', () => publisherOf(Placed).publish({ id: 'a.b' }, { total: '5' }), InvalidArgumentError],
    [
      'a parameter of publishAsync',
      () => publisherOf(Placed).publishAsync({ id: '' }, { total: '5' }),
      InvalidArgumentError,
    ],
    [
      'a parameter of a schedule',
      () => publisherOf(Due).schedule({ id: '>' }, { id: 1 }, { subject: 'schedules.1', at: new Date() }),
      InvalidArgumentError,
    ],
    ['a schedule', () => publisherOf(Due).schedule({ id: '1' }, { id: 1 }, 5 as never), InvalidArgumentError],
    [
      'a schedule without a time',
      () => publisherOf(Due).schedule({ id: '1' }, { id: 1 }, { subject: 'schedules.1' } as never),
      InvalidArgumentError,
    ],
    [
      'no payload in place of parameters',
      () => publisherOf(Named).publish('x' as never, undefined as never),
      InvalidArgumentError,
    ],
    ['a schema that throws', () => publisherOf(Failing).publish({}, 1), InvalidArgumentError],
    ['a schema that rejects', () => publisherOf(Failing).publish({}, 2), InvalidArgumentError],
    [
      'a message of core NATS, by publishAsync',
      () => publisherOf(Ticked).publishAsync({ symbol: 'X' } as never, 1),
      InvalidArgumentError,
    ],
    [
      'a message of core NATS, by schedule',
      () =>
        publisherOf(Ticked).schedule({ symbol: 'X' } as never, 1, { subject: 'schedules.1', at: new Date() }),
      InvalidArgumentError,
    ],
    [
      'a message of core NATS, with an id',
      () => publisherOf(Ticked).publish({ symbol: 'X' }, 1, { messageId: 'x' } as never),
      InvalidArgumentError,
    ],
    [
      'an invalid message of core NATS',
      () => publisherOf(Ticked).publish({ symbol: 'X' }, 'x' as never),
      InvalidMessageError,
    ],
  ])('refuses %s before anything is sent', async (_, call, type) => {
    const before = await stored();
    const { outMsgs } = jetstream.connection.nc.stats();
    const error = await Promise.resolve()
      .then(call)
      .then(
        () => 'no error',
        (thrown: unknown) => thrown,
      );
    expect(error).toBeInstanceOf(type);
    expect(jetstream.connection.nc.stats().outMsgs).toBe(outMsgs);
    expect(await stored()).toBe(before);
  });

  it('names the message, the subject and the issues', async () => {
    const error = await publisherOf(Placed)
      .publish({ id: '7' }, { total: 5 } as never)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ contract: 'orders.id.placed', subject: 'orders.7.placed' });
    expect(String(error)).toMatch(
      /"orders\.id\.placed" to "orders\.7\.placed" is not sent .*total: .*expected string/,
    );
    const nested = publisherOf(Basketed).publish({ id: '1' }, { count: 0, lines: [{ article: 5 as never }] });
    await expect(nested).rejects.toThrow(/count must not be less than 1; lines\.0: article must be a string/);
  });

  it('validates only where the contract says so', async () => {
    await expect(publisherOf(Refused).publish({}, 1)).rejects.toThrow('a.0: refused');
    await expect(publisherOf(OnPublish).publish({}, 1)).rejects.toThrow('a.0: refused');
    expect(await publisherOf(OnConsume).publish({}, 1)).toMatchObject({ stream: 'ALL' });
    expect(await publisherOf(Off).publish({}, 1)).toMatchObject({ stream: 'ALL' });
  });

  it('refuses options that its contract decides', async () => {
    const publisher = publisherOf(Placed);
    const before = await stored();
    for (const option of [{ codec: upperCase }, { schedule: { at: new Date() } }]) {
      const [name] = Object.keys(option);
      const problem = `Invalid options.${name}: the contract decides about it`;
      const given = option as never;
      await expect(publisher.publish({ id: '1' }, { total: '1' }, given)).rejects.toThrow(problem);
      expect(() => publisher.publishAsync({ id: '1' }, { total: '1' }, given)).toThrow(problem);
    }
    expect(await stored()).toBe(before);
  });

  it('accepts an object, or an instance, of a class', async () => {
    const publisher = publisherOf(Basketed);
    await publisher.publish({ id: '1' }, { count: 1, lines: [{ article: 'a' }] });
    await publisher.publish({ id: '2' }, Object.assign(new Basket(), { count: 2 }));
    expect((await last('baskets.2')).text).toBe('{"count":2,"lines":[]}');
  });

  it('keeps the property that distinguishes the classes of a nested object', async () => {
    const payments = [
      { kind: 'card', number: '1', cents: 5 },
      { kind: 'cash', cents: 7 },
    ];
    const { sequence } = await publisherOf(PaidBy).publish({ id: '1' }, { payments });
    expect(payments.map(({ kind }) => kind)).toEqual(['card', 'cash']);
    const stream = await jetstream.stream('ALL');
    expect((await stream.getMessage(sequence)).json()).toEqual({ payments });
    const cyclic = { payments: [{ kind: 'cash', cents: 7 }] };
    Object.assign(cyclic.payments[0], { order: cyclic });
    await expect(publisherOf(PaidBy).publish({ id: '1' }, cyclic)).rejects.toThrow(
      'is not sent because its payload is invalid: it contains itself',
    );
    const invalid = { payments: [{ kind: 'card', number: 5 as never, cents: 5 }] };
    await expect(publisherOf(PaidBy).publish({ id: '1' }, invalid)).rejects.toThrow(
      'number must be a string',
    );
  });

  it('publishes without waiting, also with a schema that validates asynchronously', async () => {
    const before = await stored();
    const [now, later] = [
      publisherOf(Placed).publishAsync({ id: 'n' }, { total: '1' }),
      publisherOf(Slow).publishAsync({}, 5),
    ];
    expect(later.message.subject).toBe('slow');
    await Promise.all([now.ack, later.ack]);
    expect(await stored()).toBe(before + 2);
  });

  it('logs an invalid message of publishAsync if its acknowledgement is not awaited', async () => {
    const { logs } = application;
    publisherOf(Slow).publishAsync({}, 'x' as never);
    const lines = await eventually(
      () => logs.of('error', 'MessagePublisher'),
      (all) => all.length > 0,
    );
    expect(lines[0]).toMatch(/1 messages of publishAsync were not sent.*"slow" is not sent.*not a number/);
  });

  it('encodes text with the codec of its stream or of its media type, so that handlers can decode it', async () => {
    await publisherOf(Named).publish({}, 'Sue');
    expect(await last('named')).toEqual({ text: '"Sue"', contentType: undefined });
    await publisherOf(Text).publish({}, 'Sue');
    expect(await last('text')).toEqual({ text: 'Sue', contentType: 'text/plain' });
    await publisherOf(Upper).publish({}, 'Sue');
    expect(await last('upper')).toEqual({ text: 'SUE', contentType: 'text/upper' });
  });

  it('schedules a message', async () => {
    const consumer = await jetstream.createConsumer('ALL', { filterSubject: 'due.*', ackPolicy: 'none' });
    const at = new Date(Date.now() + 1_000);
    const ack = await publisherOf(Due).schedule({ id: '5' }, { id: 5 }, { subject: 'schedules.5', at });
    expect(ack.stream).toBe('ALL');
    const message = await consumer.next({ maxWait: 10_000 });
    expect(message?.subject).toBe('due.5');
    expect(message?.json()).toEqual({ id: 5 });
  });

  it('sends messages of core NATS to subscribers, and stores nothing', async () => {
    const subscription = listener.subscribe('prices.*', { max: 1 });
    await listener.flush();
    const before = await stored();
    expect(
      await publisherOf(Ticked).publish({ symbol: 'X' }, 5, { headers: { Tenant: 'a' } }),
    ).toBeUndefined();
    for await (const message of subscription) {
      expect([message.subject, message.json(), message.headers?.get('Tenant')]).toEqual(['prices.X', 5, 'a']);
    }
    expect(await stored()).toBe(before);
  });

  it('is injected by its contract', async () => {
    @Injectable()
    class Shop {
      constructor(
        @InjectPublisher(Placed) readonly placed: MessagePublisher<typeof Placed>,
        @InjectPublisher(Placed, 'other') readonly other: MessagePublisher<typeof Placed>,
        @Inject(getPublisherToken(Ticked)) readonly ticked: MessagePublisher<typeof Ticked>,
      ) {}
    }
    await using own = await startApplication(server.url, {
      imports: [
        JetStreamModule.forRoot({ name: 'other', connection: { servers: server.url } }),
        JetStreamModule.forFeature({ messages: [Placed], connection: 'other' }),
      ],
      feature: { messages: [Placed, Ticked] },
      providers: [Shop],
    });
    const shop = own.app.get(Shop);
    expect(shop.placed).not.toBe(shop.other);
    expect(shop.ticked.contract).toBe(Ticked);
    await shop.other.publish({ id: 'other' }, { total: '1' });
    expect((await last('orders.other.placed')).text).toBe('{"total":"1"}');
  });

  it('does not end the message of a handler that publishes an invalid one: it is retried', async () => {
    const deliveries: number[] = [];
    @Injectable()
    class Relay {
      constructor(@InjectPublisher(Placed) private readonly placed: MessagePublisher<typeof Placed>) {}

      @JsConsumer({
        stream: 'ALL',
        durable: 'relay',
        filterSubjects: 'named',
        deliverPolicy: 'new',
        retry: { backoff: [10] },
      })
      async relay(@Payload() name: string, @JsMetadata() { deliveryCount }: MessageMetadata): Promise<void> {
        deliveries.push(deliveryCount);
        const total = deliveries.length < 3 ? 5 : '5';
        await this.placed.publish({ id: name }, { total } as { total: string });
      }
    }
    await using _ = await startApplication(server.url, {
      providers: [Relay],
      feature: { messages: [Placed] },
    });
    await publisherOf(Named).publish({}, 'relayed');
    const relayed = await eventually(
      async () => {
        const stream = await jetstream.stream('ALL');
        return stream.getLastMessage('orders.relayed.placed').catch(() => undefined);
      },
      (message) => message !== undefined,
    );
    expect(relayed?.text()).toBe('{"total":"5"}');
    expect(deliveries).toEqual([1, 2, 3]);
  });
});
