import type { MsgHdrs } from '@nats-io/transport-node';
import { JetStreamContext, type SettlementPolicy } from '../../consuming/index.js';
import type { JetStreamMessage } from '../../jetstream/index.js';
import { type CallPacket, metadataOf } from '../packets/index.js';

/**
 * What `@Ctx()` gives a handler of events from a stream, or of durable requests: a {@link JetStreamContext} that can be
 * asked as Nest's `NatsContext` can.
 */
export class JetStreamEventContext extends JetStreamContext {
  /** @internal */
  constructor(
    message: JetStreamMessage,
    policy: SettlementPolicy,
    private readonly packet: CallPacket,
  ) {
    super(message, policy);
  }

  getSubject(): string {
    return this.subject;
  }

  getHeaders(): MsgHdrs | undefined {
    return this.headers;
  }

  /** What the client's dispatch hook added to the packet (Nest 12); with an event it comes in the headers instead. */
  getMetadata(): Readonly<Record<string, string>> | undefined {
    return metadataOf(this.packet);
  }
}
