import { Injectable } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  JetStreamContext,
  JetStreamService,
  JsConsumer,
  type PullJsConsumerOptions,
  type StreamConfig,
} from 'nestjs-nats-jetstream';
import type { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { startApplication, type TestApplication } from '../../support/application.js';
import { eventually } from '../../support/eventually.js';

export interface Payment {
  readonly id: string;
}

type Pay = (payment: Payment, context: JetStreamContext) => unknown;
type Options = Partial<PullJsConsumerOptions>;

/** A stream of payments, and applications with a handler for it. */
export class Payments {
  readonly stream: string;
  readonly subject: string;

  constructor(
    private readonly server: NatsTestServer,
    /** Distinguishes it from the streams of other tests on the same server. */
    readonly name: string,
    private readonly config: Partial<StreamConfig> = {},
  ) {
    this.stream = `PAYMENTS_${name}`;
    this.subject = `payments.${name}`;
  }

  /** Starts an application whose handler calls the function; all applications share the consumer `bank`. */
  start(
    pay: Pay,
    options: Options,
    application: Partial<Parameters<typeof startApplication>[1]> = {},
  ): Promise<TestApplication> {
    @Injectable()
    class Bank {
      @JsConsumer({ stream: this.stream, durable: 'bank', ...options })
      onPayment(@Payload() payment: Payment, @Ctx() context: JetStreamContext): unknown {
        return pay(payment, context);
      }
    }
    return this.startWith([Bank], application);
  }

  startWith(
    providers: (new () => object)[],
    application: Partial<Parameters<typeof startApplication>[1]> = {},
  ): Promise<TestApplication> {
    const { feature, ...rest } = application;
    return startApplication(this.server.url, {
      ...rest,
      providers,
      feature: {
        ...feature,
        streams: [
          { name: this.stream, subjects: [`${this.subject}.>`], storage: 'memory', ...this.config },
          ...(feature?.streams ?? []),
        ],
      },
    });
  }

  /** Waits until every message is settled. */
  async settled({ app }: TestApplication, durable = 'bank'): Promise<void> {
    const consumer = await app.get(JetStreamService).consumer(this.stream, durable);
    await eventually(
      () => consumer.info(),
      ({ numPending, numAckPending }) => numPending === 0 && numAckPending === 0,
    );
  }
}
