import { Injectable } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  DeadLetters,
  JetStreamContext,
  JetStreamService,
  JsConsumer,
  type JsConsumerOptions,
  type StreamConfig,
} from 'nestjs-nats-jetstream';
import { startApplication, type TestApplication } from '../../support/application.js';
import { eventually } from '../../support/eventually.js';

export interface Task {
  readonly id: number;
}

/** The body of a handler. */
export type Handle = (task: Task, context: JetStreamContext) => unknown;

export interface FailingApplication extends TestApplication {
  readonly jetstream: JetStreamService;
  readonly deadLetters: DeadLetters;
  /** Publishes payloads to a subject of the handler's stream. */
  publish(subject: string, ...payloads: unknown[]): Promise<void>;
  /** Waits until no message is pending or unsettled. */
  settled(): Promise<void>;
}

/** An application with one handler, `Tasks.onTask`, that stores dead letters of messages that it fails on. */
export async function startFailing(
  url: string | string[],
  {
    handle,
    stream,
    options = {},
    providers = [],
  }: {
    readonly handle: Handle;
    readonly stream: StreamConfig;
    readonly options?: Partial<JsConsumerOptions>;
    readonly providers?: NonNullable<Parameters<typeof startApplication>[1]['providers']>;
  },
): Promise<FailingApplication> {
  @Injectable()
  class Tasks {
    @JsConsumer({
      stream: stream.name,
      durable: 'worker',
      retry: { maxDeliver: 2, backoff: [10] },
      deadLetter: true,
      ...options,
    } as JsConsumerOptions)
    onTask(@Payload() task: Task, @Ctx() context: JetStreamContext): unknown {
      return handle(task, context);
    }
  }
  const application = await startApplication(url, {
    feature: { streams: [{ storage: 'memory', ...stream }] },
    providers: [Tasks, ...providers],
  });
  const jetstream = application.app.get(JetStreamService);
  return {
    ...application,
    jetstream,
    deadLetters: application.app.get(DeadLetters),
    publish: async (subject, ...payloads) => {
      for (const payload of payloads) await jetstream.publish(subject, payload);
    },
    settled: async () => {
      const consumer = await jetstream.consumer(stream.name, 'worker');
      await eventually(
        () => consumer.info(),
        ({ numPending, numAckPending }) => numPending === 0 && numAckPending === 0,
      );
    },
  };
}
