import { Injectable, Module } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  defineMessage,
  getPublisherToken,
  HandlerConfigurationError,
  InvalidArgumentError,
  JetStreamModule,
  JetStreamService,
  JsConsumer,
  JsHandler,
  JsParams,
  JsReceived,
  type JetStreamFeatureOptions,
  type MessageContract,
  type MessagePublisher,
  NatsSubscribe,
  PublishTo,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { startApplication } from '../support/application.js';
import { LogRecorder } from '../support/log-recorder.js';

const schema = z.object({ id: z.string() });
const Placed = defineMessage({ subject: 'orders.:id.placed', schema });
const Same = defineMessage({ subject: 'orders.:order.placed', name: 'orders.id.placed' });
const Twin = defineMessage({ subject: 'orders.:id.placed', name: 'Twin' });
const Cancelled = defineMessage({ subject: 'orders.:id.cancelled', schema });
const Third = defineMessage({ subject: 'orders.third.:kind', schema });
const Paid = defineMessage({ subject: 'payments.:id', schema });
const Lost = defineMessage({ subject: 'lost.:id', schema });
const Parted = defineMessage({ subject: 'regions.:region.placed', schema });
const Ticked = defineMessage({ subject: 'prices.:symbol', schema: z.number(), core: true });
const missing = undefined as unknown as typeof Placed;

type Provider = new (...args: never[]) => object;

@Injectable()
class Undecorated {
  amount = 0;
}

const STREAMS = [
  { name: 'ORDERS', subjects: ['orders.>'], storage: 'memory' },
  { name: 'PAYMENTS', subjects: ['payments.*'], storage: 'memory' },
  { name: 'REGION_EU', subjects: ['regions.eu.>'], storage: 'memory' },
] as const;

describe('the messages of an application', () => {
  let server: NatsTestServer;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  /** The error of the startup, and its mistakes as `handler: problem`. */
  async function failure(
    providers: Provider[],
    messages: MessageContract[] = [],
  ): Promise<{ error: unknown; mistakes: string[] }> {
    const feature: JetStreamFeatureOptions = { streams: STREAMS, messages };
    try {
      await using _ = await startApplication(server.url, { providers, feature });
    } catch (error) {
      const problems = error instanceof HandlerConfigurationError ? error.problems : [];
      return { error, mistakes: problems.map(({ handler, problem }) => `${handler}: ${problem}`) };
    }
    throw new Error('the application started');
  }

  @Injectable()
  class OfAnotherMessage {
    @JsConsumer(Placed, { durable: 'a' })
    on(@Payload() _order: unknown, @JsParams(Cancelled) _params: unknown): void {}
  }
  @Injectable()
  class OfNoMessage {
    @JsConsumer({ stream: 'ORDERS', durable: 'b' })
    on(@Payload() _order: unknown, @JsParams(Placed) _params: unknown): void {}
  }
  @Injectable()
  class OfOneOfTwo {
    @JsConsumer([Placed, Cancelled], { durable: 'c' })
    on(@Payload() _order: unknown, @JsReceived(Placed) _received: unknown): void {}
  }
  @Injectable()
  class OfUndefined {
    @JsConsumer(Placed, { durable: 'd' })
    on(@Payload() _order: unknown, @JsParams(missing) _params: unknown): void {}
  }
  @Injectable()
  class InBatch {
    @JsConsumer(Placed, { durable: 'e', batch: { size: 5 } })
    on(@Payload() _orders: unknown[], @JsParams(Placed) _params: unknown): void {}
  }
  @Injectable()
  class Cyclic {
    @JsConsumer(missing, { durable: 'f' })
    on(): void {}
  }
  @Injectable()
  class None {
    @JsConsumer([] as never[], { durable: 'g' })
    on(): void {}
  }
  @Injectable()
  class Core {
    @JsConsumer(Ticked, { durable: 'h' })
    on(): void {}
  }
  @Injectable()
  class Overlapping {
    @JsConsumer([Placed, Third], { durable: 'i' })
    on(): void {}
  }
  @Injectable()
  class TwoStreams {
    @JsConsumer([Placed, Paid], { durable: 'j' })
    on(): void {}
  }
  @Injectable()
  class NoStream {
    @JsConsumer(Lost, { durable: 'k' })
    on(): void {}
  }
  @Injectable()
  class PartOfStream {
    @JsConsumer(Parted, { durable: 'l' })
    on(): void {}
  }
  @Injectable()
  class OwnFilter {
    @JsConsumer(Placed, { durable: 'm', filterSubjects: 'orders.1.placed' } as object)
    on(): void {}
  }
  @Injectable()
  @JsConsumer([Placed, Paid], { durable: 'n', stream: 'ORDERS' })
  class Routed {
    @JsHandler(Placed) placed(): void {}
    @JsHandler(Cancelled) cancelled(): void {}
    @JsHandler('orders.other') other(): void {}
  }
  @Injectable()
  @JsConsumer({ stream: 'ORDERS', durable: 'o' })
  class Mixed {
    @JsHandler(Placed)
    @JsHandler('orders.other')
    on(): void {}
  }
  @Injectable()
  class CoreResult {
    @JsConsumer(Placed, { durable: 'p' })
    @PublishTo(Ticked, () => ({ symbol: 'X' }))
    on(): number {
      return 1;
    }
  }
  @Injectable()
  class NoMapper {
    @JsConsumer(Placed, { durable: 'q' })
    @PublishTo(Cancelled, undefined as never)
    on(): { id: string } {
      return { id: '1' };
    }
  }
  @Injectable()
  class LostResult {
    @JsConsumer(Placed, { durable: 'r' })
    @PublishTo(Lost, () => ({ id: '1' }))
    on(): { id: string } {
      return { id: '1' };
    }
  }
  @Injectable()
  class SameName {
    @JsConsumer(Placed, { durable: 's' })
    on(): void {}

    @NatsSubscribe(Same)
    same(): void {}
  }

  it.each<[Provider, string]>([
    [
      OfAnotherMessage,
      '@JsParams names "orders.id.cancelled", which this handler does not consume: it consumes "orders.id.placed"',
    ],
    [
      OfNoMessage,
      '@JsParams names "orders.id.placed", which this handler does not consume: pass the contract to the decorator',
    ],
    [OfOneOfTwo, '@JsReceived does not name "orders.id.cancelled", which this handler also consumes'],
    [
      OfUndefined,
      '@JsParams must name contracts of defineMessage; it names undefined. If it is undefined, check for a cycle',
    ],
    [InBatch, '@JsParams needs a message of a stream, and a batch has several'],
    [
      Cyclic,
      'the messages of @JsConsumer must be contracts of defineMessage; one is undefined: check for a cycle of imports',
    ],
    [None, 'the list of messages of @JsConsumer is empty'],
    [
      Core,
      'the message "prices.symbol" is one of core NATS (core: true), which no stream stores: use @NatsSubscribe',
    ],
    [Overlapping, 'the messages on "orders.*.placed" and "orders.third.*" overlap'],
    [TwoStreams, '"orders.id.placed" is stored in stream "ORDERS" and "payments.id" in stream "PAYMENTS"'],
    [
      NoStream,
      'no stream of connection "default" stores the message "lost.id" ("lost.*"); the streams are "ORDERS" (orders.>)',
    ],
    [
      PartOfStream,
      'the streams REGION_EU store only some messages of "regions.region.placed" ("regions.*.placed")',
    ],
    [OwnFilter, 'there is no option "filterSubjects"'],
    [Routed, 'no method handles "payments.id"'],
    [Routed, 'methods handle "orders.id.cancelled": add them to the messages of @JsConsumer'],
    [Routed, '@JsHandler of other must name messages'],
    [Mixed, '@JsHandler cannot combine patterns with messages'],
    [CoreResult, '@PublishTo: the message "prices.symbol" is one of core NATS'],
    [NoMapper, '@PublishTo: the subject "orders.:id.cancelled" has parameters: pass a function'],
    [LostResult, 'no stream of connection "default" stores the message "lost.id"'],
    [
      SameName,
      'two messages are named "orders.id.placed": one on "orders.:order.placed", and one on "orders.:id.placed" (SameName.on)',
    ],
  ])('stop the boot if %o is wrong: %s', async (type, problem) => {
    const { error, mistakes } = await failure([type]);
    expect(error).toBeInstanceOf(HandlerConfigurationError);
    expect(mistakes.filter((mistake) => mistake.startsWith(type.name))).toContainEqual(
      expect.stringContaining(problem),
    );
  });

  it.each<[string, MessageContract[], string]>([
    [
      'no stream stores one',
      [Lost],
      'the publisher of "lost.id": no stream of connection "default" stores the message',
    ],
    [
      'two have the same name',
      [Placed, Same],
      'the publisher of "orders.id.placed": two messages are named "orders.id.placed"',
    ],
    [
      'two have the same subject',
      [Placed, Twin],
      'the publisher of "Twin": has the same subject "orders.:id.placed" as the publisher of',
    ],
  ])('stop the boot if %s', async (_, messages, problem) => {
    const { mistakes } = await failure([], messages);
    expect(mistakes).toEqual([expect.stringContaining(problem)]);
  });

  it('stop the boot if two of one handler have the same subjects', async () => {
    @Injectable()
    class Both {
      @JsConsumer([Placed, Twin], { durable: 'both' })
      on(): void {}
    }
    const { mistakes } = await failure([Both]);
    expect(mistakes).toEqual([
      expect.stringMatching(
        /^Both\.on: the messages "orders\.id\.placed" and "Twin" have the same subjects "orders\.\*\.placed"/,
      ),
    ]);
  });

  it('are checked together with handlers, and all mistakes are reported at once', async () => {
    const { mistakes } = await failure([NoStream, Core], [Lost, Same, Placed]);
    expect(mistakes.map((mistake) => mistake.split(':')[0])).toEqual([
      'NoStream.on',
      'Core.on',
      'the publisher of "orders.id.placed"',
      'the publisher of "lost.id"',
    ]);
  });

  it('stop the boot if their class has no decorators, or no codec has their media type', async () => {
    const plain = defineMessage({ subject: 'orders.plain', schema: Undecorated });
    expect((await failure([], [plain])).error).toMatchObject({
      constructor: InvalidArgumentError,
      message: expect.stringContaining(
        'the class Undecorated has no decorators of class-validator',
      ) as string,
    });
    const strange = defineMessage({ subject: 'orders.strange', contentType: 'text/strange' });
    expect((await failure([], [strange])).error).toMatchObject({
      constructor: InvalidArgumentError,
      message: expect.stringContaining('there is no codec for "text/strange"') as string,
    });
  });

  it('are refused as anything but contracts', () => {
    const messages = ['orders.placed'] as unknown as MessageContract[];
    expect(() => JetStreamModule.forFeature({ messages })).toThrow(
      /messages\[0\]: .* is not a message contract/,
    );
  });

  it('may be stored by a stream that exists on the server, or that another module declares', async () => {
    const Existing = defineMessage({ subject: 'existing.:id' });
    await using first = await startApplication(server.url, {});
    await first.app
      .get(JetStreamService)
      .createStream({ name: 'EXISTING', subjects: ['existing.*'], storage: 'memory' });
    @Injectable()
    class Reader {
      @JsConsumer(Existing, { durable: 'reader' })
      on(): void {}
    }
    @Module({ imports: [JetStreamModule.forFeature({ messages: [Placed, Existing] })], providers: [Reader] })
    class ShopModule {}
    await using second = await startApplication(server.url, {
      imports: [ShopModule],
      feature: { streams: STREAMS },
    });
    const consumer = await second.app.get(JetStreamService).consumer('EXISTING', 'reader');
    expect(consumer.cachedInfo.config.durable).toBe('reader');
  });

  it('are published by a feature whose declarations factories create', async () => {
    await using application = await startApplication(server.url, {
      imports: [
        JetStreamModule.forFeatureAsync({
          streams: [
            {
              name: 'LATER',
              useFactory: () => Promise.resolve({ subjects: ['lost.*'], storage: 'memory' as const }),
            },
          ],
          messages: [Lost],
        }),
      ],
    });
    const publisher = application.app.get<MessagePublisher<typeof Lost>>(getPublisherToken(Lost));
    expect(await publisher.publish({ id: '1' }, { id: '1' })).toMatchObject({ stream: 'LATER' });
    await application.app.get(JetStreamService).deleteStream('LATER');
  });

  it('start with a warning if streams store only some of them', async () => {
    const logs = new LogRecorder();
    await using _ = await startApplication(server.url, {
      feature: { streams: STREAMS, messages: [Parted] },
      logs,
    });
    expect(logs.of('warn', 'JetStreamModule')).toEqual([
      expect.stringContaining('the streams REGION_EU store only some messages of "regions.region.placed"'),
    ]);
  });

  it('need no stream without a connection', async () => {
    @Injectable()
    class Consumer {
      @JsConsumer(Lost, { durable: 'lost' })
      onLost(@Payload() _: { id: string }): void {}
    }
    await using application = await startApplication('nats://127.0.0.1:1', {
      options: { connect: false },
      providers: [Consumer],
      feature: { messages: [Lost] },
    });
    const publisher = application.app.get<MessagePublisher<typeof Lost>>(getPublisherToken(Lost));
    await expect(publisher.publish({ id: '1' }, { id: '1' })).rejects.toThrow('connect: false');
  });

  it('of core NATS need no stream', async () => {
    @Injectable()
    class Ticker {
      @NatsSubscribe(Ticked)
      on(): void {}
    }
    await using application = await startApplication(server.url, {
      feature: { messages: [Ticked] },
      providers: [Ticker],
    });
    expect(application.logs.of('warn')).toEqual([]);
  });
});

describe('without the permission to list streams', () => {
  const user = `{ user: u, password: p, permissions: { publish: { allow: ">", deny: "$JS.API.STREAM.LIST" } } }`;
  let server: NatsTestServer;

  beforeAll(async () => {
    server = await NatsTestServer.start({ config: `no_auth_user: u\nauthorization { users: [${user}] }` });
  });
  afterAll(() => server.stop());

  it('a publisher starts with a warning, and declared streams need no permission', async () => {
    const logs = new LogRecorder();
    @Injectable()
    class Reader {
      @JsConsumer(Placed, { durable: 'reader' })
      on(): void {}
    }
    await using _ = await startApplication(server.url, {
      feature: { streams: [STREAMS[0]], messages: [Placed, Lost] },
      providers: [Reader],
      logs,
    });
    expect(logs.of('warn', 'JetStreamModule')).toEqual([
      expect.stringMatching(/the publisher of "lost\.id": cannot check that a stream stores .*permission/),
    ]);
  });

  it('a handler needs the name of its stream', async () => {
    @Injectable()
    class Reader {
      @JsConsumer(Lost, { durable: 'reader' })
      on(): void {}
    }
    const starting = startApplication(server.url, { providers: [Reader] });
    await expect(starting).rejects.toThrow(
      /Reader\.on: the stream of the message "lost\.id" .* cannot be looked up: set the option stream/,
    );
    await using first = await startApplication(server.url, {});
    await first.app
      .get(JetStreamService)
      .createStream({ name: 'LOST', subjects: ['lost.*'], storage: 'memory' });
    @Injectable()
    class Named {
      @JsConsumer(Lost, { durable: 'reader', stream: 'LOST' })
      on(): void {}
    }
    await using second = await startApplication(server.url, { providers: [Named] });
    expect((await second.app.get(JetStreamService).consumer('LOST', 'reader')).cachedInfo.name).toBe(
      'reader',
    );
  });
});
