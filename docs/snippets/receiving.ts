import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import {
  ConsumerDeletedError,
  InjectStream,
  IteratorClosedError,
  PayloadDecodingError,
  type Consumer,
  type Consumption,
  type JetStreamMessage,
  type PushConsumer,
  type Stream,
} from 'nestjs-nats-jetstream';

// #region service
@Injectable()
export class Billing implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(Billing.name);
  private consumption: Consumption | undefined;

  constructor(@InjectStream('ORDERS') private readonly stream: Stream) {}

  async onModuleInit(): Promise<void> {
    const consumer = await this.stream.createOrUpdateConsumer({ durable: 'billing' });
    this.consumption = consumer.consume((message) => this.bill(message), {
      onError: (error) => this.logger.warn(error.message),
    });
  }

  async onModuleDestroy(): Promise<void> {
    await this.consumption?.drain();
  }

  private async bill(message: JetStreamMessage): Promise<void> {
    this.logger.log(`billing ${message.subject}: ${message.text()}`);
    message.ack();
  }
}
// #endregion

export async function consumeOptions(
  consumer: Consumer,
  handle: (message: JetStreamMessage) => void,
): Promise<void> {
  // #region options
  const consumption = consumer.consume(handle, {
    maxMessages: 100,
    thresholdMessages: 60,
    expiry: 60_000,
    heartbeat: 10_000,
    stopAfter: 10_000,
  });
  const error = await consumption.closed;
  if (error instanceof ConsumerDeletedError) throw error;
  // #endregion
}

export async function bytes(consumer: Consumer, handle: (message: JetStreamMessage) => void): Promise<void> {
  // #region bytes
  // At most 4 MiB at a time, however many messages these are.
  const byBytes = consumer.consume(handle, { maxBytes: 4 * 1024 ** 2 });
  // At most 500 messages at a time, asked for in pieces of 1 MiB.
  const both = consumer.consume(handle, {
    maxMessagesWithBytesLimit: { messages: 500, bytes: 1024 ** 2 },
  });
  // #endregion
  await Promise.all([byBytes.stop(), both.stop()]);
}

export async function iterate(
  consumer: Consumer,
  handle: (message: JetStreamMessage) => Promise<void>,
): Promise<void> {
  // #region messages
  for await (const message of consumer.messages()) {
    await handle(message);
    message.ack();
    if (message.metadata.pending === 0) break; // leaving the loop stops the pulling
  }
  // #endregion
}

export async function workers(
  consumer: Consumer,
  handle: (message: JetStreamMessage) => Promise<void>,
): Promise<void> {
  // #region workers
  const messages = consumer.messages({ maxMessages: 8 });
  const work = async () => {
    for (;;) {
      const message = await messages.next({ maxWait: 1_000 });
      if (!message) return;
      await handle(message);
      message.ack();
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
  await messages.stop();
  // #endregion
}

export async function drainMessages(
  consumer: Consumer,
  handle: (message: JetStreamMessage) => void,
): Promise<void> {
  // #region drain
  const messages = consumer.messages();
  handle(await messages.next());

  await messages.drain();
  for await (const message of messages) handle(message); // what was sent already
  await messages.next().catch((error: unknown) => {
    if (!(error instanceof IteratorClosedError)) throw error;
  });
  // #endregion
}

export async function fetching(consumer: Consumer): Promise<void> {
  // #region fetch
  const batch = consumer.fetch(100, { maxWait: 1_000 });
  for await (const message of batch) message.ack();
  if (batch.error) throw batch.error;

  const mebibyte = consumer.fetchBytes(1024 ** 2, { maxWait: 1_000 });
  for await (const message of mebibyte) message.ack();

  const present = consumer.fetchNoWait(10);
  for await (const message of present) message.ack();

  const one = await consumer.next({ maxWait: 1_000 });
  one?.ack();
  // #endregion
}

export async function abort(consumer: Consumer): Promise<void> {
  // #region signal
  const batch = consumer.fetch(100, { maxWait: 60_000, signal: AbortSignal.timeout(1_500) });
  // #endregion
  for await (const message of batch) message.ack();
}

export async function push(consumer: PushConsumer, logger: Logger): Promise<void> {
  // #region push
  const consumption = consumer.consume(
    (message) => {
      logger.log(message.text());
      message.ack();
    },
    { onError: (error) => logger.warn(error.message) },
  );
  // #endregion
  await consumption.stop();
}

export async function ordered(stream: Stream, logger: Logger): Promise<void> {
  // #region ordered
  const consumer = await stream.orderedConsumer({ filterSubjects: 'orders.>' });
  for await (const message of consumer.messages()) {
    logger.log(`${message.metadata.streamSequence}: ${message.text()}`);
    if (message.metadata.pending === 0) break;
  }
  // #endregion
}

export async function settle(
  message: JetStreamMessage,
  handle: (order: unknown) => Promise<void>,
): Promise<void> {
  // #region settle
  const stillAtWork = setInterval(() => message.inProgress(), 10_000);
  try {
    await handle(message.json());
    message.ack();
  } catch (error) {
    if (error instanceof PayloadDecodingError) message.term('not JSON');
    else message.nak(5_000);
  } finally {
    clearInterval(stillAtWork);
  }
  // #endregion
}
