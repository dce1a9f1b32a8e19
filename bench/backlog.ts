import { jetstream, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';

/** A filled stream with a consumer that has not been pulled from yet, so that only receiving is measured. */
export class Backlog {
  constructor(
    private readonly nc: NatsConnection,
    private readonly jsm: JetStreamManager,
    private readonly stream: string,
    private readonly consumer: string,
    private readonly subject: string,
  ) {}

  /** Empties the stream and fills it again. */
  async fill(messages: number, payload: Uint8Array): Promise<void> {
    await this.jsm.streams.purge(this.stream);
    const js = jetstream(this.nc);
    for (let sent = 0; sent < messages;) {
      const window = Math.min(WINDOW, messages - sent);
      for (let i = 1; i < window; i++) this.nc.publish(this.subject, payload);
      // A stream stores messages in order, so the acknowledgement of the last one confirms all.
      await js.publish(this.subject, payload);
      sent += window;
    }
    const { state } = await this.jsm.streams.info(this.stream);
    if (state.messages !== messages) throw new Error(`${this.stream} holds ${state.messages} of ${messages}`);
  }

  /** Throws unless the server has an acknowledgement of every message and delivered none twice. */
  async verifySettled(): Promise<void> {
    const deadline = performance.now() + SETTLE;
    for (;;) {
      const { state } = await this.jsm.streams.info(this.stream);
      const info = await this.jsm.consumers.info(this.stream, this.consumer);
      const settled = info.ack_floor.stream_seq === state.last_seq && info.num_ack_pending === 0;
      if (settled && info.num_redelivered === 0) return;
      if (performance.now() > deadline) {
        throw new Error(
          `${this.stream}: acknowledged up to ${info.ack_floor.stream_seq} of ${state.last_seq}, ` +
            `${info.num_ack_pending} open, ${info.num_redelivered} delivered again`,
        );
      }
    }
  }
}

/** Below the 10,000 messages that a stream of nats-server 2.11 and newer queues before it drops. */
const WINDOW = 5_000;
/** How long the server may take to process the acknowledgements, in milliseconds. */
const SETTLE = 10_000;
