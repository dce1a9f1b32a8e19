import { setTimeout as delay } from 'node:timers/promises';
import {
  Handlers,
  type JetStreamBatchContext,
  type JetStreamContext,
  type JsConsumerOptions,
  type Outcome,
  TerminateMessage,
} from 'nestjs-nats-jetstream';
import type { TestApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

/** The context of a message or of a batch. */
export type Context = Pick<JetStreamContext, 'metadata' | 'ack' | 'nak' | 'term'> &
  Partial<Pick<JetStreamBatchContext, 'messages'>>;
export type Handle = (context: Context, payload: unknown) => unknown;
/** The options of the consumer, except those that all cases share. */
type Options = Omit<JsConsumerOptions, 'stream' | 'durable' | 'ordered'>;

export interface Case {
  readonly name: string;
  readonly options?: Options;
  readonly handle?: Handle;
  /** The outcomes that the case is about. */
  readonly outcomes: readonly Outcome[];
  /** Interferes while messages are handled. */
  readonly during?: (application: TestApplication, stream: string) => Promise<unknown>;
  /** Whether the application is closed before all messages are handled. */
  readonly isClosed?: boolean;
}

export const MESSAGES = 60;
export const QUICK_RETRY = { maxDeliver: 3, backoff: [5] };

const isFirst = ({ metadata }: Context): boolean => metadata.deliveryCount === 1;
const failFirst: Handle = (context) => {
  if (isFirst(context)) throw new Error('the first delivery fails');
};
const fail: Handle = () => {
  throw new Error('fails');
};
/** The first messages are handled; messages are only buffered if handlers are fast. */
const hang: Handle = ({ messages, metadata }) => {
  const { streamSequence } = messages?.[0]?.metadata ?? metadata;
  return streamSequence > 20 ? new Promise(() => undefined) : undefined;
};
/** Waits until messages are in flight and others are buffered. */
const busy = ({ app }: TestApplication): Promise<unknown> =>
  eventually(
    () => app.get(Handlers).get('Tasks.onTask'),
    ({ running, waiting }) => running > 0 && waiting > 0,
  );
const pauseAndResume: Case['during'] = async (application) => {
  const handlers = application.app.get(Handlers);
  await busy(application);
  await handlers.pause('Tasks.onTask');
  await handlers.resume('Tasks.onTask');
};
const stopAndStart: Case['during'] = async (application) => {
  const handlers = application.app.get(Handlers);
  await busy(application);
  await handlers.stop('Tasks.onTask');
  await handlers.start('Tasks.onTask');
};

export const cases: readonly Case[] = [
  { name: "ackMode 'auto'", outcomes: ['acked'] },
  {
    name: 'asynchronous handlers, several at once',
    options: { concurrency: 8 },
    handle: () => delay(1),
    outcomes: ['acked'],
  },
  { name: "ackMode 'confirmed'", options: { ackMode: 'confirmed' }, outcomes: ['acked'] },
  {
    name: "ackMode 'manual'",
    options: { ackMode: 'manual' },
    handle: (context) => context.ack(),
    outcomes: ['acked'],
  },
  {
    name: "ackMode 'manual', settled in several ways",
    options: { ackMode: 'manual', retry: QUICK_RETRY },
    handle: (context, id) => {
      if (isFirst(context) && Number(id) % 2 === 0) context.nak(5);
      else if (Number(id) % 3 === 0) context.term();
      else context.ack();
    },
    outcomes: ['acked', 'retried', 'terminated'],
  },
  {
    name: "ackMode 'first'",
    options: { ackMode: 'first' },
    handle: (_, id) => {
      if (id === 7) throw new Error('fails');
    },
    outcomes: ['acked', 'skipped'],
  },
  {
    name: "ackMode 'none'",
    options: { ackMode: 'none' },
    handle: (_, id) => {
      if (id === 7) throw new Error('fails');
    },
    outcomes: ['left', 'skipped'],
  },
  {
    name: "ackMode 'none' with dead letters",
    options: { ackMode: 'none', deadLetter: true },
    handle: (_, id) => {
      if (id === 7) throw new Error('fails');
    },
    outcomes: ['left', 'dead-lettered'],
  },
  {
    name: 'failures and retries',
    options: { retry: QUICK_RETRY, concurrency: 4 },
    handle: failFirst,
    outcomes: ['acked', 'retried'],
  },
  {
    name: 'used up deliveries',
    options: { retry: QUICK_RETRY, concurrency: 4 },
    handle: fail,
    outcomes: ['retried', 'terminated'],
  },
  {
    name: 'dead letters',
    options: { retry: QUICK_RETRY, deadLetter: true, concurrency: 4 },
    handle: fail,
    outcomes: ['retried', 'dead-lettered'],
  },
  {
    name: 'termination by the handler',
    handle: () => {
      throw new TerminateMessage('not wanted');
    },
    outcomes: ['terminated'],
  },
  {
    name: 'order by key',
    options: { orderBy: 2, concurrency: 4, retry: QUICK_RETRY },
    handle: failFirst,
    outcomes: ['acked', 'retried'],
  },
  { name: 'batches', options: { batch: { size: 7, maxWait: 20 } }, outcomes: ['acked'] },
  {
    name: 'batches that fail',
    options: { batch: { size: 7, maxWait: 20 }, retry: QUICK_RETRY, deadLetter: true },
    handle: ({ messages }) => {
      if (messages?.some(({ metadata }) => metadata.streamSequence % 20 === 0)) throw new Error('fails');
    },
    outcomes: ['acked', 'retried', 'dead-lettered'],
  },
  {
    name: "batches with ackPolicy 'all'",
    options: { batch: { size: 7, maxWait: 20 }, ackPolicy: 'all' },
    outcomes: ['acked'],
  },
  {
    name: 'push',
    options: { push: {}, retry: QUICK_RETRY },
    handle: failFirst,
    outcomes: ['acked', 'retried'],
  },
  { name: 'a rate limit', options: { rateLimit: { messages: 30, per: 100 } }, outcomes: ['acked'] },
  {
    name: 'pause and resume',
    options: { concurrency: 2 },
    handle: () => delay(5),
    during: pauseAndResume,
    outcomes: ['acked', 'released'],
  },
  {
    name: 'pause and resume of batches',
    options: { batch: { size: 4 } },
    handle: () => delay(10),
    during: pauseAndResume,
    outcomes: ['acked', 'released'],
  },
  {
    name: 'pause and resume of a push consumer',
    options: { push: {} },
    handle: () => delay(5),
    during: pauseAndResume,
    outcomes: ['acked', 'released'],
  },
  {
    name: "pause and resume with ackMode 'none'",
    options: { ackMode: 'none' },
    handle: () => delay(2),
    during: pauseAndResume,
    outcomes: ['left'],
  },
  {
    name: 'stop and start while messages are buffered',
    options: { concurrency: 2 },
    handle: () => delay(5),
    during: stopAndStart,
    outcomes: ['acked', 'released'],
  },
  {
    name: 'shutdown while messages are buffered',
    options: { concurrency: 2 },
    handle: () => delay(5),
    during: busy,
    isClosed: true,
    outcomes: ['released'],
  },
  {
    name: 'shutdown with handlers that hang',
    options: { concurrency: 2 },
    handle: hang,
    during: busy,
    isClosed: true,
    outcomes: ['released'],
  },
  {
    name: 'shutdown with batches that hang',
    options: { batch: { size: 4 } },
    handle: hang,
    during: busy,
    isClosed: true,
    outcomes: ['released'],
  },
  {
    name: "shutdown with ackMode 'none' and handlers that hang",
    options: { ackMode: 'none' },
    handle: hang,
    during: busy,
    isClosed: true,
    outcomes: ['lost'],
  },
  {
    name: "shutdown with ackMode 'first' and handlers that hang",
    options: { ackMode: 'first' },
    handle: hang,
    during: busy,
    isClosed: true,
    outcomes: ['acked', 'released'],
  },
  {
    name: 'shutdown with last deliveries that hang',
    options: { retry: { maxDeliver: 1 }, deadLetter: true, concurrency: 3 },
    handle: () => new Promise(() => undefined),
    during: ({ app }) =>
      eventually(
        () => app.get(Handlers).get('Tasks.onTask'),
        ({ running }) => running === 3,
      ),
    isClosed: true,
    outcomes: ['dead-lettered'],
  },
];
