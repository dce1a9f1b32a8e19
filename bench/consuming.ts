import { jetstream, jetstreamManager, type ConsumerConfig, type JsMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { Module, type INestApplicationContext, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { getNatsConnectionToken, JetStreamModule, type StreamConfig } from 'nestjs-nats-jetstream';
import { Backlog } from './backlog.js';
import { Countdown } from './countdown.js';
import type { Bench, Comparison, Side } from './suite.js';

/** The stream and the durable that handlers of our side are decorated with. */
export const OURS = { stream: 'OURS', durable: 'bench' } as const;
export const OURS_SUBJECT = 'ours';
/** The stream as our side makes it. */
export const OURS_STREAM: StreamConfig = {
  name: OURS.stream,
  subjects: [OURS_SUBJECT],
  storage: 'memory',
};

const RAW = { stream: 'RAW', durable: 'bench' } as const;
const RAW_SUBJECT = 'raw';

/** The raw side: a callback for the raw client's `consume`, and what to close when the suite ends. */
export interface RawHandler {
  readonly callback: (message: JsMsg) => void;
  readonly close?: () => Promise<void>;
}

/**
 * Compares a provider whose method is decorated with `@JsConsumer(OURS)` with a callback of the raw client. Both count
 * the messages they handle: the provider injects {@link Countdown}, the callback receives one.
 *
 * In each round, both sides start again with a filled stream: an application boots, a raw consumer begins to consume.
 * The time is measured from the first message until all acknowledgements have been sent.
 */
export async function compareConsumers(
  bench: Bench,
  handler: Type,
  rawHandler: (countdown: Countdown) => RawHandler | Promise<RawHandler>,
  /** Options in which the configuration of the raw consumer differs. */
  rawConfig: Partial<ConsumerConfig> = {},
): Promise<Comparison> {
  const boot = async (countdown: Countdown): Promise<Running> => {
    const app = await openApplication(bench, handler, countdown);
    return { nc: app.get<NatsConnection>(getNatsConnectionToken()), close: () => app.close() };
  };
  return compareRunning(bench, boot, rawHandler, rawConfig);
}

/** Like {@link compareConsumers}, for any other consumer of {@link OURS}, which `boot` starts for each round. */
export async function compareRunning(
  bench: Bench,
  boot: (countdown: Countdown) => Promise<Running>,
  rawHandler: (countdown: Countdown) => RawHandler | Promise<RawHandler>,
  rawConfig: Partial<ConsumerConfig> = {},
): Promise<Comparison> {
  const nc = await bench.connect();
  const jsm = await jetstreamManager(nc);
  const countdown = new Countdown();

  // An application creates the stream and the consumer; the raw ones then get the same configuration.
  await (await boot(countdown)).close();
  const stream = await jsm.streams.info(OURS.stream);
  const consumer = await jsm.consumers.info(OURS.stream, OURS.durable);
  await jsm.streams.add({ ...stream.config, name: RAW.stream, subjects: [RAW_SUBJECT] });
  const filter = consumer.config.filter_subject === undefined ? {} : { filter_subject: RAW_SUBJECT };
  await jsm.consumers.add(RAW.stream, { ...consumer.config, ...filter, ...rawConfig });
  const { callback, close } = await rawHandler(countdown);

  /** A side that starts again in each round, with a filled stream. */
  const side = (backlog: Backlog, start: () => Promise<Running>): Side => {
    let running: Running | undefined;
    return {
      prepare: (operations) => backlog.fill(operations, bench.payload),
      run: async (operations, begin) => {
        const handled = countdown.from(operations, begin);
        running = await start();
        await handled;
        await running.nc.flush();
      },
      verify: async () => {
        await running?.close();
        await backlog.verifySettled();
      },
    };
  };
  return {
    ours: side(new Backlog(nc, jsm, OURS.stream, OURS.durable, OURS_SUBJECT), () => boot(countdown)),
    raw: side(new Backlog(nc, jsm, RAW.stream, RAW.durable, RAW_SUBJECT), async () => {
      const pull = await jetstream(nc).consumers.get(RAW.stream, RAW.durable);
      const messages = await pull.consume({ max_messages: RAW_MAX_MESSAGES, callback });
      return { nc, close: () => messages.close() };
    }),
    close: async () => {
      await close?.();
      await nc.close();
    },
  };
}

/** A running consumer of one side. */
export interface Running {
  readonly nc: NatsConnection;
  readonly close: () => Promise<unknown>;
}

/** The default of this library and of the Go client; the raw client's own default is 100. */
const RAW_MAX_MESSAGES = 500;

async function openApplication(
  bench: Bench,
  handler: Type,
  countdown: Countdown,
): Promise<INestApplicationContext> {
  @Module({
    imports: [
      JetStreamModule.forRoot({ connection: { servers: bench.url } }),
      JetStreamModule.forFeature({ streams: [OURS_STREAM] }),
    ],
    providers: [handler, { provide: Countdown, useValue: countdown }],
  })
  class BenchModule {}

  return NestFactory.createApplicationContext(BenchModule, {
    logger: ['warn', 'error'],
    abortOnError: false,
  });
}
