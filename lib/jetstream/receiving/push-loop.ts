import type { Msg, Subscription } from '@nats-io/transport-node';
import {
  ConnectionClosedError,
  ConsumerDeletedError,
  NoHeartbeatError,
  toPullError,
} from '../../errors/index.js';
import { Timer } from '../../timing/index.js';
import type { JetStreamApi } from '../api/index.js';
import { JetStreamMessage } from '../message/index.js';
import { DeliveredSubjects } from './delivered-subjects.js';
import { endOfDrain } from './end-of-drain.js';
import { pullStatus } from './pull-status.js';
import type { LoopOwner, ReceiveLoop, ReceivingFrom } from './receive-loop.js';
import { PUSH_INTERVALS, SilenceMonitor } from './silence-monitor.js';
import { isGone } from './verified-loop.js';

/** The delivery options of a push consumer, from its configuration. */
export interface PushDelivery {
  readonly subject: string;
  readonly group?: string | undefined;
  /** In milliseconds; 0: none. */
  readonly idleHeartbeat: number;
}

/** The server waits for one answer before it sends the next request, so only another client would send this many. */
const MOST_UNANSWERED = 100;

/** The average interval of checks whether a consumer without heartbeats still exists, in milliseconds. */
const LOOK_UP_INTERVAL = 5_000;

/** A flow-control request, and the number of messages that preceded it. */
interface FlowControl {
  readonly after: number;
  readonly subject: string;
}

/**
 * Receives the messages that the server pushes. A flow-control request is answered once all messages before it are
 * released, so that the server waits for a slow owner.
 */
export class PushLoop implements ReceiveLoop {
  private readonly subscription: Subscription;
  private readonly forget: () => void;
  private readonly monitor: SilenceMonitor | undefined;
  private readonly delivered: DeliveredSubjects;
  /** Without heartbeats, the existence of the consumer is checked periodically. */
  private lookUp: Timer | undefined;
  private readonly unanswered: FlowControl[] = [];
  private received = 0;
  private released = 0;
  private connected = true;
  private verifying = false;
  private ended = false;

  constructor(
    private readonly api: JetStreamApi,
    private readonly from: ReceivingFrom,
    private readonly delivery: PushDelivery,
    private readonly owner: LoopOwner,
    /** Requests the consumer's current deliver subject from the server. */
    private readonly find: () => Promise<Pick<PushDelivery, 'subject' | 'group'>>,
  ) {
    const { connection } = api;
    this.delivered = new DeliveredSubjects(from);
    this.subscription = connection.wire.subscribe(delivery.subject, {
      queue: delivery.group,
      callback: (error, msg) => (error ? this.end(error) : this.receive(msg)),
    });
    this.forget = connection.listen({
      onDisconnect: () => (this.connected = false),
      onReconnect: () => {
        this.connected = true;
        this.monitor?.heard();
        // A restarted server may have lost the consumer, which otherwise would only be noticed by missed heartbeats.
        void this.verify();
      },
      onClose: (cause) => this.end(new ConnectionClosedError(connection.name, { cause })),
    });
    if (delivery.idleHeartbeat > 0) {
      this.monitor = new SilenceMonitor(
        delivery.idleHeartbeat,
        () => this.connected,
        () => this.silent(),
        PUSH_INTERVALS,
      );
    } else {
      this.lookUpLater();
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
    if (this.connected) await endOfDrain(this.subscription, this.api.connection);
    this.end(undefined);
  }

  private receive(msg: Msg): void {
    if (this.ended) return;
    if (!this.delivered.isDelivered(msg)) {
      const status = pullStatus(msg, this.delivery.subject);
      return status
        ? this.receiveStatus(status.code, status.description, msg)
        : this.delivered.ignore(msg.subject, msg.reply);
    }
    this.monitor?.heard();
    this.received++;
    this.owner.onMessage(new JetStreamMessage(msg, this.api.requests));
  }

  private receiveStatus(code: number, description: string, msg: Msg): void {
    // A flow-control request has a reply subject; a heartbeat names one in a header while the server waits for such a
    // reply.
    const subject = msg.reply || msg.headers?.get('Nats-Consumer-Stalled');
    if (subject && !this.delivered.isFlowControl(subject)) return this.delivered.ignore(msg.subject, subject);
    this.monitor?.heard();
    if (code !== 100) {
      return this.owner.onError(toPullError(this.from.stream, this.from.consumer, code, description));
    }
    if (!subject) return;
    if (this.released >= this.received) this.answer(subject);
    else if (this.unanswered.length < MOST_UNANSWERED)
      this.unanswered.push({ after: this.received, subject });
  }

  private answer(subject: string): void {
    if (!this.ended) this.api.connection.post(subject, '', { purpose: 'a flow-control reply' });
  }

  private silent(): void {
    const { stream, consumer } = this.from;
    this.owner.onError(new NoHeartbeatError(stream, consumer, this.delivery.idleHeartbeat));
    void this.verify();
  }

  private lookUpLater(): void {
    const wait = LOOK_UP_INTERVAL * (0.75 + Math.random() / 2);
    this.lookUp = new Timer(wait, () => void this.verify().then(() => this.ended || this.lookUpLater()), {
      keepsAlive: false,
    });
  }

  /** A push consumer that is deleted, or has a new deliver subject, sends no notice. */
  private async verify(): Promise<void> {
    if (this.verifying || !this.connected) return;
    this.verifying = true;
    const { subject, group } = this.delivery;
    const { stream, consumer } = this.from;
    const isLost = await isGone(this.find, (now) => now.subject !== subject || now.group !== group);
    this.verifying = false;
    if (isLost) this.end(new ConsumerDeletedError(stream, consumer));
  }

  private end(error: Error | undefined): void {
    if (this.ended) return;
    this.ended = true;
    this.monitor?.stop();
    this.lookUp?.cancel();
    this.forget();
    if (!this.subscription.isClosed()) this.subscription.unsubscribe();
    this.owner.onEnd(error);
  }
}
