import type { Logger } from '@nestjs/common';
import {
  ConsumerExistsError,
  NotAPullConsumerError,
  type JetStreamService,
  type Stream,
} from 'nestjs-nats-jetstream';

export async function create(stream: Stream): Promise<void> {
  // #region create
  const consumer = await stream.createConsumer({
    durable: 'billing',
    filterSubjects: ['orders.new', 'orders.paid'],
    ackWait: 30_000,
    maxDeliver: 5,
    backoff: [1_000, 5_000, 30_000],
  });
  // #endregion
  void consumer;
}

export async function fromService(jetstream: JetStreamService): Promise<void> {
  // #region service
  const consumer = await jetstream.createConsumer('ORDERS', { durable: 'shipping' });
  const same = await jetstream.consumer('ORDERS', 'shipping');
  // #endregion
  void consumer;
  void same;
}

export async function kinds(stream: Stream): Promise<void> {
  // #region kinds
  // Stays until it is deleted.
  await stream.createConsumer({ durable: 'reports' });
  // Has a name, and is deleted after a minute without use.
  await stream.createConsumer({ name: 'report-7', inactiveThreshold: 60_000 });
  // Has a generated name.
  await stream.createConsumer({ deliverPolicy: 'new' });
  // #endregion
}

export async function createOrUpdate(stream: Stream): Promise<void> {
  // #region create-update
  try {
    await stream.createConsumer({ durable: 'reports', ackWait: 60_000 });
  } catch (error) {
    if (!(error instanceof ConsumerExistsError)) throw error;
    await stream.updateConsumer({ durable: 'reports', ackWait: 60_000 });
  }

  // The same in one call:
  await stream.createOrUpdateConsumer({ durable: 'reports', ackWait: 60_000 });
  // #endregion
}

export async function start(stream: Stream): Promise<void> {
  // #region start
  await stream.createConsumer({ deliverPolicy: 'last_per_subject', filterSubject: 'orders.*' });
  await stream.createConsumer({ deliverPolicy: 'by_start_sequence', startSequence: 1_000 });
  await stream.createConsumer({
    deliverPolicy: 'by_start_time',
    startTime: new Date(Date.now() - 3_600_000),
  });
  // #endregion
}

export async function push(stream: Stream): Promise<void> {
  // #region push
  const consumer = await stream.createPushConsumer({
    durable: 'live',
    deliverSubject: 'deliver.orders',
    deliverGroup: 'screens',
    idleHeartbeat: 5_000,
  });
  // #endregion
  void consumer;
}

export async function wrongKind(stream: Stream): Promise<void> {
  // #region kind
  try {
    await stream.consumer('live');
  } catch (error) {
    if (!(error instanceof NotAPullConsumerError)) throw error;
    await stream.pushConsumer('live');
  }
  // #endregion
}

export async function pausing(stream: Stream): Promise<void> {
  // #region pause
  const { pauseRemaining } = await stream.pauseConsumer('billing', new Date(Date.now() + 600_000));
  await stream.resumeConsumer('billing');
  // #endregion
  void pauseRemaining;
}

export async function resetting(stream: Stream): Promise<void> {
  // #region reset
  await stream.resetConsumer('billing'); // redelivers messages that are not acknowledged
  await stream.resetConsumer('billing', { sequence: 1 }); // redelivers all messages
  // #endregion
}

export async function listing(stream: Stream, logger: Logger): Promise<void> {
  // #region list
  for await (const info of stream.listConsumers()) {
    logger.log(`${info.name}: ${info.numPending} to come, ${info.numAckPending} not acknowledged`);
  }
  for await (const name of stream.consumerNames()) logger.log(name);

  const consumer = await stream.consumer('billing');
  const { ackFloor } = await consumer.info();
  logger.log(`all up to ${ackFloor.streamSequence} are acknowledged`);
  await stream.deleteConsumer('billing');
  // #endregion
}

export async function priorities(stream: Stream): Promise<void> {
  // #region priorities
  const consumer = await stream.createConsumer({
    durable: 'regional',
    priorityPolicy: 'overflow',
    priorityGroups: ['all'],
  });
  // Here at once; elsewhere only when 1,000 messages wait.
  const here = consumer.consume((message) => message.ack(), { priorityGroup: 'all' });
  const elsewhere = consumer.consume((message) => message.ack(), { priorityGroup: 'all', minPending: 1_000 });
  // #endregion
  await Promise.all([here.stop(), elsewhere.stop()]);
}
