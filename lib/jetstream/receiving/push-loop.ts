import type { Msg, Subscription } from '@nats-io/transport-node';
import {
  ConnectionClosedError,
  ConsumerDeletedError,
  NoHeartbeatError,
  toPullError,
} from '../../errors/index.js';
import type { JetStreamApi } from '../api/index.js';
import { JetStreamMessage } from '../message/index.js';
import type { PullLoopOwner } from './pull-loop.js';
import { pullStatus } from './pull-status.js';
import type { ReceiveLoop, ReceivingFrom } from './receive-loop.js';
import { isGone } from './verified-loop.js';

/** Where a push consumer delivers, from its configuration. */
export interface PushDelivery {
  readonly subject: string;
  readonly group?: string;
  /** In milliseconds; 0: none. */
  readonly idleHeartbeat: number;
}

/** A flow-control request, and how many messages came before it. */
interface FlowControl {
  readonly after: number;
  readonly subject: string;
}

/**
 * The messages that the server pushes. A flow-control request is answered once all messages before it are released, so
 * that the server waits for a slow owner.
 */
export class PushLoop implements ReceiveLoop {
  private readonly subscription: Subscription;
  private readonly forget: () => void;
  private readonly monitor: NodeJS.Timeout | undefined;
  private readonly unanswered: FlowControl[] = [];
  private received = 0;
  private released = 0;
  private connected = true;
  private silent = false;
  private ended = false;

  constructor(
    private readonly api: JetStreamApi,
    private readonly from: ReceivingFrom,
    private readonly delivery: PushDelivery,
    private readonly owner: PullLoopOwner,
    /** Asks the server for the consumer. */
    private readonly find: () => Promise<unknown>,
  ) {
    const { connection } = api;
    this.subscription = connection.wire.subscribe(delivery.subject, {
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

  release(messages: number): void {
    this.released += messages;
    while (this.unanswered.length > 0 && this.unanswered[0].after <= this.released) {
      this.answer(this.unanswered[0].subject);
      this.unanswered.shift();
    }
  }

  stop(): void {
    this.end(undefined);
  }

  async drain(): Promise<void> {
    if (!this.subscription.isClosed()) await this.subscription.drain().catch(() => undefined);
    this.end(undefined);
  }

  private receive(msg: Msg): void {
    if (this.ended) return;
    this.silent = false;
    const status = pullStatus(msg, this.delivery.subject);
    if (status) return this.receiveStatus(status.code, status.description, msg);
    this.received++;
    this.owner.onMessage(new JetStreamMessage(msg, this.api.requests));
  }

  private receiveStatus(code: number, description: string, msg: Msg): void {
    if (code !== 100) {
      return this.owner.onError(toPullError(this.from.stream, this.from.consumer, code, description));
    }
    // A flow-control request has a reply subject; a heartbeat names one where the server waits for such a reply.
    const subject = msg.reply || msg.headers?.get('Nats-Consumer-Stalled');
    if (!subject) return;
    if (this.released >= this.received) this.answer(subject);
    else this.unanswered.push({ after: this.received, subject });
  }

  private answer(subject: string): void {
    if (!this.ended) this.api.connection.wire.publish(subject, '');
  }

  private checkSilence(): void {
    if (!this.connected) return;
    if (this.silent) {
      const { stream, consumer } = this.from;
      this.owner.onError(new NoHeartbeatError(stream, consumer, this.delivery.idleHeartbeat));
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
    clearInterval(this.monitor);
    this.forget();
    if (!this.subscription.isClosed()) this.subscription.unsubscribe();
    this.owner.onEnd(error);
  }
}
