import type { MsgHdrs } from '@nats-io/transport-node';
import { JetStreamContext, type SettlementPolicy } from '../../consuming/index.js';
import type { JetStreamMessage } from '../../jetstream/index.js';
import { type CallPacket, metadataOf } from '../packets/index.js';

/**
 * The `@Ctx()` of a handler of stream events or durable requests: a {@link JetStreamContext} with the methods of Nest's
 * `NatsContext`.
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

  /**
   * The values that the client's dispatch hook added to the packet (Nest 12); for an event, they are in the headers
   * instead.
   */
  getMetadata(): Readonly<Record<string, string>> | undefined {
    return metadataOf(this.packet);
  }
}
