import { Injectable } from '@nestjs/common';
import {
  HandlerConfigurationError,
  JsConsumer,
  JsHandler,
  PublishTo,
  NatsSubscribe,
  type JsConsumerOptions,
  type PublishSubject,
  type PublishToOptions,
  type RetryOptions,
  type StreamConfig,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApplication, type TestApplication } from '../../support/application.js';
import { eventually } from '../../support/eventually.js';

describe('@PublishTo at boot', () => {
  let server: NatsTestServer;
  let serial = 0;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  function start(
    subject: PublishSubject,
    {
      options,
      publish,
      target,
    }: { options?: object; publish?: PublishToOptions; target?: StreamConfig } = {},
  ): Promise<TestApplication> {
    @Injectable()
    class Orders {
      @JsConsumer({ stream: 'ORDERS', durable: `billing-${++serial}`, ...options } as JsConsumerOptions)
      @PublishTo(subject, publish)
      onOrder(): object {
        return {};
      }
    }
    const streams: StreamConfig[] = [{ name: 'ORDERS', subjects: ['orders.>'], storage: 'memory' }];
    return startApplication(server.url, {
      feature: { streams: target ? [...streams, target] : streams },
      providers: [Orders],
    });
  }

  describe('stops it', () => {
    const wrong: readonly [string, unknown, object, string][] = [
      ['an empty subject', '', {}, 'must be a subject without spaces'],
      ['a wildcard', 'billed.*', {}, 'must be a subject without spaces, wildcards and empty tokens'],
      ['no subject at all', undefined, {}, 'must be a subject or a function; it is undefined'],
      ['a token by name', 'billed.{region}', {}, '{region} must be the position of a token'],
      ['a brace without its pair', 'billed.{1', {}, 'must be a subject without spaces'],
      [
        'a token that a filter does not have',
        'billed.{2}',
        { options: { filterSubjects: ['orders.*.placed', 'orders.late'] } },
        '@PublishTo("billed.{2}") needs subjects with 3 tokens, but subjects of "orders.late" have 2',
      ],
      [
        'an unknown connection',
        'billed',
        { publish: { connection: 'ledger' } },
        'there is no connection "ledger": JetStreamModule.forRoot was called for "default"',
      ],
      ['batches', 'billed', { options: { batch: { size: 10 } } }, 'cannot be combined with batch'],
      [
        'an ordered consumer',
        'billed',
        { options: { ordered: true, durable: undefined } },
        'cannot be combined with ordered',
      ],
    ];

    it.each(wrong)('%s, named with class and method', async (_, subject, options, words) => {
      const error: unknown = await start(subject as PublishSubject, options).catch(
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(HandlerConfigurationError);
      const { problems } = error as HandlerConfigurationError;
      expect(problems).toEqual([
        { handler: 'Orders.onOrder', problem: expect.stringContaining(words) as string },
      ]);
    });

    it('a token that the pattern of a @JsHandler does not have', async () => {
      @JsConsumer({ stream: 'ORDERS', durable: 'class' })
      class Orders {
        @JsHandler('orders.placed')
        @PublishTo('billed.{2}')
        placed(): object {
          return {};
        }

        @JsHandler('orders.*.cancelled')
        @PublishTo('billed.{2}')
        cancelled(): object {
          return {};
        }
      }
      const error: unknown = await startApplication(server.url, {
        feature: { streams: [{ name: 'ORDERS', subjects: ['orders.>'], storage: 'memory' }] },
        providers: [Orders],
      }).catch((thrown: unknown) => thrown);
      expect((error as HandlerConfigurationError).problems).toEqual([
        {
          handler: 'Orders.placed',
          problem:
            '@PublishTo("billed.{2}") needs subjects with 3 tokens, but subjects of "orders.placed" have 2',
        },
      ]);
    });
  });

  it('stops it if the method handles no messages of a stream', async () => {
    @Injectable()
    class Orders {
      @PublishTo('billed')
      forgotten(): object {
        return {};
      }

      @NatsSubscribe('orders.core')
      @PublishTo('billed')
      onCore(): object {
        return {};
      }
    }
    const error: unknown = await startApplication(server.url, { providers: [Orders] }).catch(
      (thrown: unknown) => thrown,
    );
    const problem = expect.stringMatching(
      /^@PublishTo .* decorate the method with @JsConsumer or @JsHandler too$/,
    ) as string;
    expect((error as HandlerConfigurationError).problems).toEqual([
      { handler: 'Orders.forgotten', problem },
      { handler: 'Orders.onCore', problem },
    ]);
  });

  describe('warns', () => {
    /** The warnings about a target stream with that window. */
    async function warnings(
      duplicateWindow: number,
      retry: RetryOptions,
      options: Partial<JsConsumerOptions> = {},
    ): Promise<string[]> {
      const name = `BILLED_${++serial}`;
      const subject = `billed-${serial}`;
      const target: StreamConfig = { name, subjects: [`${subject}.>`], storage: 'memory', duplicateWindow };
      // No stream listens on the subject of the second decorator; the warning about it comes last.
      @Injectable()
      class Orders {
        @JsConsumer({
          stream: 'ORDERS',
          durable: `billing-${serial}`,
          retry,
          ...options,
        } as JsConsumerOptions)
        @PublishTo(`${subject}.{1}`)
        @PublishTo(`unused-${serial}`)
        onOrder(): object {
          return {};
        }
      }
      await using application = await startApplication(server.url, {
        feature: { streams: [{ name: 'ORDERS', subjects: ['orders.>'], storage: 'memory' }, target] },
        providers: [Orders],
      });
      const { logs } = application;
      const all = await eventually(
        () => logs.of('warn', 'PublishTo'),
        (lines) => lines.some((line) => line.includes('no stream of this account')),
      );
      return all.slice(0, -1);
    }

    it('about a target stream that forgets message ids before the last retry', async () => {
      const retry = { maxDeliver: 4, backoff: [1_000, 40_000] };
      expect(await warnings(109_999, retry)).toEqual([
        expect.stringMatching(
          /^Orders\.onOrder: stream "BILLED_\d+" remembers message ids for 109999 ms, but a message may be retried for 110000 ms: .*"billed-\d+\.\*" twice/,
        ),
      ]);
      // 30 s (ackWait) and twice 40 s.
      expect(await warnings(110_000, retry)).toEqual([]);
    });

    it('about one that forgets them within one delay of unlimited retries', async () => {
      expect(await warnings(20_000, { backoff: [1_000] })).toHaveLength(1);
      expect(await warnings(20_000, { backoff: [1_000] }, { ackWait: 20_000 })).toEqual([]);
    });

    it('not about the defaults', async () => {
      expect(await warnings(120_000, {}, { deadLetter: true })).toEqual([]);
      expect(await warnings(120_000, {})).toEqual([]);
    });
  });
});
