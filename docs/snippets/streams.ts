import { Injectable, Logger, Module } from '@nestjs/common';
import {
  JetStreamModule,
  JetStreamService,
  MessageNotFoundError,
  StreamExistsError,
  UnsupportedServerFeatureError,
  type Stream,
} from 'nestjs-nats-jetstream';

// #region declare
@Module({
  imports: [
    JetStreamModule.forFeature({
      streams: [{ name: 'ORDERS', subjects: ['orders.>'], maxAge: 7 * 24 * 3_600_000 }],
    }),
  ],
})
export class OrdersModule {}
// #endregion

// #region merge
/** In the service for orders. */
@Module({
  imports: [
    JetStreamModule.forFeature({
      streams: [{ name: 'SHOP', subjects: ['orders.>'], subjectPolicy: 'merge' }],
    }),
  ],
})
export class OrderEventsModule {}

/** In the service for payments. */
@Module({
  imports: [
    JetStreamModule.forFeature({
      streams: [{ name: 'SHOP', subjects: ['payments.>'], subjectPolicy: 'merge' }],
    }),
  ],
})
export class PaymentEventsModule {}
// #endregion

// #region service
@Injectable()
export class OrderStreams {
  constructor(private readonly jetstream: JetStreamService) {}

  async setUp(): Promise<Stream> {
    return this.jetstream.createStream({
      name: 'ORDERS',
      subjects: ['orders.>'],
      maxAge: 7 * 24 * 3_600_000,
      maxBytes: 1024 ** 3,
      duplicateWindow: 120_000,
      allowDirect: true,
    });
  }
}
// #endregion

export async function createOrUpdate(jetstream: JetStreamService): Promise<void> {
  // #region create-update
  try {
    await jetstream.createStream({ name: 'ORDERS', subjects: ['orders.>'], maxMessages: 1_000_000 });
  } catch (error) {
    if (!(error instanceof StreamExistsError)) throw error;
    // It exists with another configuration.
    await jetstream.updateStream({ name: 'ORDERS', subjects: ['orders.>'], maxMessages: 1_000_000 });
  }

  // The same in one call:
  await jetstream.createOrUpdateStream({ name: 'ORDERS', subjects: ['orders.>'], maxMessages: 1_000_000 });
  // #endregion
}

export async function change(jetstream: JetStreamService): Promise<void> {
  // #region change
  const stream = await jetstream.stream('ORDERS');
  await jetstream.updateStream({ ...stream.cachedInfo.config, description: 'all orders' });
  // #endregion
}

export async function compress(jetstream: JetStreamService, logger: Logger): Promise<void> {
  // #region version
  try {
    await jetstream.createStream({ name: 'ARCHIVE', subjects: ['archive.>'], compression: 's2' });
  } catch (error) {
    if (!(error instanceof UnsupportedServerFeatureError)) throw error;
    logger.warn(`${error.feature} needs ${error.required}, the server is ${error.actual}`);
  }
  // #endregion
}

export async function copies(jetstream: JetStreamService): Promise<void> {
  // #region copies
  await jetstream.createStream({
    name: 'ORDERS_COPY',
    mirror: { name: 'ORDERS' },
    mirrorDirect: true,
  });
  await jetstream.createStream({
    name: 'BIG_ORDERS',
    sources: [{ name: 'ORDERS', filterSubject: 'orders.big.*', startTime: new Date('2026-01-01') }],
  });
  // #endregion
}

export async function lists(jetstream: JetStreamService, logger: Logger): Promise<void> {
  // #region list
  for await (const { config, state } of jetstream.listStreams()) {
    logger.log(`${config.name}: ${state.messages} messages, ${state.bytes} bytes`);
  }
  for await (const name of jetstream.streamNames({ subject: 'orders.new' })) logger.log(name);
  logger.log(await jetstream.streamNameBySubject('orders.new'));
  // #endregion
}

export async function holds(stream: Stream, logger: Logger): Promise<void> {
  // #region info
  const { state } = await stream.info({ subjectFilter: 'orders.*', deletedDetails: true });
  logger.log(`${state.messages} messages from ${state.firstSequence} to ${state.lastSequence}`);
  for (const [subject, messages] of Object.entries(state.subjects ?? {}))
    logger.log(`${subject}: ${messages}`);
  // #endregion
}

export async function reading(stream: Stream, logger: Logger): Promise<void> {
  // #region read
  const first = await stream.getMessage(1);
  logger.log(`${first.subject} of ${first.time.toISOString()}: ${first.text()}`);

  const nextBig = await stream.getMessage(1, { subject: 'orders.big.*' });
  const last = await stream.getLastMessage('orders.new').catch((error: unknown) => {
    if (error instanceof MessageNotFoundError) return undefined;
    throw error;
  });
  // #endregion
  logger.log(`${nextBig.sequence} ${last?.sequence}`);
}

export async function readingMany(stream: Stream, logger: Logger): Promise<void> {
  // #region read-many
  for await (const message of stream.getMessages({ startSequence: 1, subject: 'orders.new' })) {
    logger.log(`${message.sequence}: ${message.text()}`);
  }
  for await (const message of stream.getLastMessages('orders.*')) {
    logger.log(`the last of ${message.subject}: ${message.text()}`);
  }
  // #endregion
}

export async function removing(stream: Stream): Promise<void> {
  // #region remove
  await stream.deleteMessage(3);
  await stream.secureDeleteMessage(4); // overwritten with random data

  await stream.purge({ subject: 'orders.new', keep: 10 }); // all but the newest ten
  await stream.purge({ sequence: 100 }); // everything before sequence 100
  const removed = await stream.purge();
  // #endregion
  void removed;
}
