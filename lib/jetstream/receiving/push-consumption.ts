import type { Msg, Subscription } from '@nats-io/transport-node';
import {
  ConnectionClosedError,
  ConsumerDeletedError,
  NoHeartbeatError,
  toPullError,
} from '../../errors/index.js';
import type { JetStreamApi } from '../api/index.js';
import { JetStreamMessage } from '../message/index.js';
import type { Consumption, MessageHandler } from './consumption.js';
import { InOrder } from './in-order.js';
import { pullStatus } from './pull-status.js';
import type { ReceivingFrom } from './receive-loop.js';
import { report } from './report.js';
import { isGone } from './verified-loop.js';

/** How a push consumer's messages are handled. */
export interface PushConsumeOptions {
  /**
   * Hears of what goes wrong: what mends itself (missed heartbeats, a new leader) and what ends receiving (the consumer
   * deleted, the connection closed). Default: a warning in the log.
   */
  readonly onError?: (error: Error) => void;
}

/** Where a push consumer delivers, from its configuration. */
export interface PushDelivery {
  readonly subject: string;
  readonly group?: string;
  /** In milliseconds; 0: none. */
  readonly idleHeartbeat: number;
}

/**
 * Hands the messages of a push consumer to a handler, one at a time and in order. Flow control is answered when all
 * before it is handled, so that the server waits for a slow handler.
 */
export class PushConsumption implements Consumption {
  readonly closed: Promise<Error | undefined>;
  private readonly inOrder: InOrder<Msg>;
  private readonly subscription: Subscription;
  private readonly forget: () => void;
  private readonly monitor: NodeJS.Timeout | undefined;
  private stopped = false;
  private ended = false;
  private connected = true;
  private silent = false;
  private cause: Error | undefined;
  private close: (error: Error | undefined) => void = () => {};

  constructor(
    private readonly api: JetStreamApi,
    private readonly from: ReceivingFrom,
    private readonly delivery: PushDelivery,
    private readonly handler: MessageHandler,
    private readonly options: PushConsumeOptions,
    /** Asks the server for the consumer. */
    private readonly find: () => Promise<unknown>,
  ) {
    const { connection } = api;
    this.closed = new Promise((resolve) => (this.close = resolve));
    this.inOrder = new InOrder((msg) => this.handle(msg), {
      onHandled: () => {},
      onThrown: (error) => report(options.onError, error),
      onIdle: () => this.closeIfDone(),
    });
    this.subscription = connection.nc.subscribe(delivery.subject, {
      queue: delivery.group,
      callback: (error, msg) => (error ? this.end(error) : this.receive(msg)),
    });
    this.forget = connection.listen({
      onDisconnect: () => (this.connected = false),
      onReconnect: () => {
        this.connected = true;
        this.silent = false;
      },
      onClose: (cause) => this.end(new ConnectionClosedError(connection.name, { cause })),
    });
    if (delivery.idleHeartbeat > 0) {
      this.monitor = setInterval(() => this.checkSilence(), 2 * delivery.idleHeartbeat);
    }
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.inOrder.clear();
    this.end(undefined);
  }

  async drain(): Promise<void> {
    await this.subscription.drain().catch(() => undefined);
    this.end(undefined);
    await this.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.drain();
  }

  private receive(msg: Msg): void {
    if (this.stopped) return;
    this.silent = false;
    this.inOrder.add(msg);
  }

  private handle(msg: Msg): void | Promise<void> {
    const status = pullStatus(msg, this.delivery.subject);
    if (status) return this.receiveStatus(status.code, status.description, msg);
    return this.handler(new JetStreamMessage(msg, this.api.requests));
  }

  private receiveStatus(code: number, description: string, msg: Msg): void {
    if (code !== 100)
      return report(
        this.options.onError,
        toPullError(this.from.stream, this.from.consumer, code, description),
      );
    // A flow-control request has a reply subject; a heartbeat names one where the server waits for such a reply.
    const answer = msg.reply || msg.headers?.get('Nats-Consumer-Stalled');
    if (answer) this.api.connection.nc.publish(answer);
  }

  private checkSilence(): void {
    if (!this.connected) return;
    if (this.silent) {
      const { stream, consumer } = this.from;
      report(this.options.onError, new NoHeartbeatError(stream, consumer, this.delivery.idleHeartbeat));
      void this.verify();
    }
    this.silent = true;
  }

  /** A deleted push consumer just falls silent. */
  private async verify(): Promise<void> {
    const { stream, consumer } = this.from;
    if (await isGone(this.find)) this.end(new ConsumerDeletedError(stream, consumer));
  }

  private end(error: Error | undefined): void {
    if (this.ended) return;
    this.ended = true;
    this.cause = error;
    clearInterval(this.monitor);
    this.forget();
    if (!this.subscription.isClosed()) this.subscription.unsubscribe();
    if (error) report(this.options.onError, error);
    this.closeIfDone();
  }

  private closeIfDone(): void {
    if (this.ended && this.inOrder.isIdle) this.close(this.cause);
  }
}
