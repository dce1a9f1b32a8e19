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
 * what they handle: the provider by injecting {@link Countdown}, the callback with the one it is given.
 *
 * Each round starts anew on both sides: an application boots, a raw consumer begins to consume, before a stream that is
 * full. The clock runs from the first message to the last, when what is acknowledged has been sent.
 */
export async function compareConsumers(
  bench: Bench,
  handler: Type,
  rawHandler: (countdown: Countdown) => RawHandler | Promise<RawHandler>,
  /** What the raw consumer's configuration differs in. */
  rawConfig: Partial<ConsumerConfig> = {},
): Promise<Comparison> {
  const boot = async (countdown: Countdown): Promise<Running> => {
    const app = await openApplication(bench, handler, countdown);
    return { nc: app.get<NatsConnection>(getNatsConnectionToken()), close: () => app.close() };
  };
  return compareRunning(bench, boot, rawHandler, rawConfig);
}

/** As {@link compareConsumers}, for whatever else consumes {@link OURS}, made anew for each round by `boot`. */
export async function compareRunning(
  bench: Bench,
  boot: (countdown: Countdown) => Promise<Running>,
  rawHandler: (countdown: Countdown) => RawHandler | Promise<RawHandler>,
  rawConfig: Partial<ConsumerConfig> = {},
): Promise<Comparison> {
  const nc = await bench.connect();
  const jsm = await jetstreamManager(nc);
  const countdown = new Countdown();

  // An application makes the stream and the consumer; the raw ones are then configured as these are.
  await (await boot(countdown)).close();
  const stream = await jsm.streams.info(OURS.stream);
  const consumer = await jsm.consumers.info(OURS.stream, OURS.durable);
  await jsm.streams.add({ ...stream.config, name: RAW.stream, subjects: [RAW_SUBJECT] });
  const filter = consumer.config.filter_subject === undefined ? {} : { filter_subject: RAW_SUBJECT };
  await jsm.consumers.add(RAW.stream, { ...consumer.config, ...filter, ...rawConfig });
  const { callback, close } = await rawHandler(countdown);

  /** A side that starts anew each round, before a stream that is full. */
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

/** Something that consumes. */
export interface Running {
  readonly nc: NatsConnection;
  readonly close: () => Promise<unknown>;
}

/** What this library asks for by default (and the Go client); the raw client's own default is 100. */
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
