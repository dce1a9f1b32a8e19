import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type JetStreamManager, type NatsConnection } from 'nats';

/** The stream of a transport, observed over a connection other than the transport's. */
export class StreamUnderTest {
  static async open(url: string, stream: string): Promise<StreamUnderTest> {
    const nc = await connect({ servers: url });
    return new StreamUnderTest(nc, await nc.jetstreamManager(), stream);
  }

  private constructor(
    private readonly nc: NatsConnection,
    private readonly jsm: JetStreamManager,
    private readonly stream: string,
  ) {}

  /** Resolves when the stream has that many messages; rejects if their number has not grown for ten seconds. */
  async untilStored(messages: number): Promise<void> {
    let stored = -1;
    let changed = performance.now();
    for (;;) {
      const { state } = await this.jsm.streams.info(this.stream);
      if (state.messages === messages) return;
      if (state.messages !== stored) changed = performance.now();
      stored = state.messages;
      if (stored > messages || performance.now() - changed > PATIENCE) {
        throw new Error(`${messages} events were emitted, ${stored} are stored`);
      }
      await sleep(POLL);
    }
  }

  /** Replaces the only message of the stream, published by the transport's client, with that many copies of it. */
  async copyFirst(messages: number): Promise<void> {
    const { state } = await this.jsm.streams.info(this.stream);
    const { subject, data, header } = await this.jsm.streams.getMessage(this.stream, { seq: state.last_seq });
    // The stream would treat copies with the same message id as duplicates.
    header.delete('Nats-Msg-Id');
    const headers = header.keys().length === 0 ? {} : { headers: header };
    await this.jsm.streams.purge(this.stream);
    const js = this.nc.jetstream();
    for (let sent = 0; sent < messages;) {
      const window = Math.min(WINDOW, messages - sent);
      for (let i = 1; i < window; i++) this.nc.publish(subject, data, headers);
      // A stream stores messages in order, so the acknowledgement of the last one confirms all.
      await js.publish(subject, data, headers);
      sent += window;
    }
    await this.untilStored(messages);
  }

  /** Rejects unless the only consumer has received each message once and has acknowledged all of them. */
  async verifySettled(messages: number): Promise<void> {
    const deadline = performance.now() + PATIENCE;
    for (;;) {
      const [consumer] = await this.jsm.consumers.list(this.stream).next();
      if (consumer === undefined) throw new Error(`${this.stream} has no consumer`);
      const { num_pending, num_ack_pending, num_redelivered, delivered } = consumer;
      if (
        num_pending === 0 &&
        num_ack_pending === 0 &&
        num_redelivered === 0 &&
        delivered.consumer_seq === messages
      ) {
        return;
      }
      if (performance.now() > deadline) {
        throw new Error(
          `${num_pending} of ${messages} events were not delivered, ${num_ack_pending} are not acknowledged, ` +
            `${num_redelivered} were delivered again; there were ${delivered.consumer_seq} deliveries`,
        );
      }
      await sleep(POLL);
    }
  }

  close(): Promise<void> {
    return this.nc.close();
  }
}

/** Below the 10,000 messages that a stream of nats-server 2.11 and newer queues before it drops. */
const WINDOW = 5_000;
/** The interval at which the server is polled, in milliseconds. */
const POLL = 5;
/** How long the number may stay the same, in milliseconds. */
const PATIENCE = 10_000;
