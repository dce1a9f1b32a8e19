import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import * as consumers from '../../../docs/snippets/consumers.js';
import * as receiving from '../../../docs/snippets/receiving.js';
import * as streams from '../../../docs/snippets/streams.js';
import type { Consumer, Stream } from '../../../lib/jetstream/index.js';
import type { NatsTestServer } from '../../../lib/testing/index.js';
import { collect, ConnectedJetStream, startServer, deleteStreams } from '../streams/connected-jetstream.js';

describe('the code of the guides works', () => {
  let server: NatsTestServer;
  let connected: ConnectedJetStream;
  let stream: Stream;
  const logger = new Logger('guide');
  const log = vi.spyOn(logger, 'log').mockImplementation(() => {});

  beforeAll(async () => {
    Logger.overrideLogger(false);
    server = await startServer();
    connected = await ConnectedJetStream.connect(server.url);
  });
  afterAll(async () => {
    await connected[Symbol.asyncDispose]();
    await server.stop();
  });
  beforeEach(async () => {
    log.mockClear();
    await deleteStreams(connected.jetstream);
    stream = await new streams.OrderStreams(connected.jetstream).setUp();
    for (let i = 1; i <= 20; i++) await connected.jetstream.publish('orders.new', { id: i });
    await connected.jetstream.publish('orders.big.one', { id: 21 });
  });

  it('streams', async () => {
    const { jetstream } = connected;
    await streams.copies(jetstream);
    await streams.compress(jetstream, logger);
    await streams.lists(jetstream, logger);
    expect(log).toHaveBeenCalledWith('ORDERS');
    await streams.reading(stream, logger);
    await streams.readingMany(stream, logger);
    await streams.holds(stream, logger);
    expect(log).toHaveBeenCalledWith('orders.new: 20');
    await streams.removing(stream);
    expect((await stream.info()).state.messages).toBe(0);
    await streams.change(jetstream);
    expect((await stream.info()).config.description).toBe('all orders');
    await streams.createOrUpdate(jetstream);
    expect((await stream.info()).config.maxMessages).toBe(1_000_000);
  });

  it('consumers', async () => {
    await consumers.create(stream);
    await consumers.fromService(connected.jetstream);
    await consumers.kinds(stream);
    await consumers.createOrUpdate(stream);
    await consumers.start(stream);
    await consumers.push(stream);
    await consumers.wrongKind(stream);
    await consumers.pausing(stream);
    await consumers.resetting(stream);
    await consumers.priorities(stream);
    await consumers.listing(stream, logger);
    expect((await collect(stream.consumerNames())).toSorted()).toEqual(
      expect.arrayContaining(['live', 'regional', 'report-7', 'reports', 'shipping']),
    );
  });

  describe('receiving', () => {
    let consumer: Consumer;

    beforeEach(async () => {
      consumer = await stream.createConsumer({ durable: 'd' });
    });

    async function settledUpTo(): Promise<number> {
      return (await consumer.info()).ackFloor.streamSequence;
    }

    it('in a service', async () => {
      const billing = new receiving.Billing(stream);
      consumer = await stream.createConsumer({ durable: 'billing' });
      await billing.onModuleInit();
      await expect.poll(settledUpTo).toBe(21);
      await billing.onModuleDestroy();
    });

    it('in loops and by workers', async () => {
      await receiving.iterate(consumer, async () => {});
      await expect.poll(settledUpTo).toBe(21);
      await connected.publish('orders.new', 21);
      await receiving.workers(consumer, async () => {});
      await expect.poll(settledUpTo).toBe(42);
    });

    it('by consume, with options', async () => {
      let received = 0;
      const failure = receiving
        .consumeOptions(consumer, () => void received++)
        .catch((error: unknown) => error);
      await expect.poll(() => received).toBe(21);
      await stream.deleteConsumer('d');
      expect(await failure).toMatchObject({ name: 'ConsumerDeletedError' });
    });

    it('by requests', async () => {
      await receiving.bytes(await stream.createConsumer({ name: 'b' }), (message) => message.ack());
      await receiving.drainMessages(consumer, (message) => message.ack());
      await receiving.fetching(consumer);
      await receiving.abort(consumer);
      await expect.poll(settledUpTo).toBe(21);
    });

    it('in order, and by push', async () => {
      await receiving.ordered(stream, logger);
      expect(log).toHaveBeenCalledTimes(21);
      await receiving.push(await stream.createPushConsumer({ durable: 'p', deliverSubject: 'd' }), logger);
    });

    it('and settles', async () => {
      const [first, second] = await collect(consumer.fetch(2));
      await receiving.settle(first, async () => {});
      await receiving.settle(second, () => Promise.reject(new Error('no good')));
      await expect.poll(settledUpTo).toBe(1);
      expect(second.settled).toBe(true);
    });
  });
});
