import { BaseRpcContext } from '@nestjs/microservices';
import type { MsgHdrs } from '@nats-io/transport-node';
import type { CallOptions, JetStreamMessage, MessageMetadata } from '../../jetstream/index.js';
import type { SettlementPolicy } from '../settlement/index.js';

/**
 * The `@Ctx()` of a message handler.
 *
 * A handler may settle its message through this context; the library then does nothing more.
 */
export class JetStreamContext extends BaseRpcContext<[JetStreamMessage]> {
  /** @internal */
  constructor(
    message: JetStreamMessage,
    /** The rules for settling the message. */
    readonly policy: SettlementPolicy,
  ) {
    super([message]);
  }

  /** The message. */
  get message(): JetStreamMessage {
    return this.args[0];
  }

  /** The subject that the message was published to. */
  get subject(): string {
    return this.message.subject;
  }

  /** The headers; `undefined` if the message has none. */
  get headers(): MsgHdrs | undefined {
    return this.message.headers;
  }

  /** Stream, consumer, sequences, delivery count, time. */
  get metadata(): MessageMetadata {
    return this.message.metadata;
  }

  /**
   * See {@link JetStreamMessage.ack}.
   *
   * @throws {@link MessageAlreadySettledError}
   */
  ack(): void {
    this.message.ack();
  }

  /**
   * See {@link JetStreamMessage.doubleAck}.
   *
   * @throws the errors of {@link JetStreamMessage.doubleAck}
   */
  doubleAck(options?: CallOptions): Promise<void> {
    return this.message.doubleAck(options);
  }

  /**
   * See {@link JetStreamMessage.nak}; the delay in milliseconds.
   *
   * @throws {@link MessageAlreadySettledError}, {@link InvalidArgumentError}
   */
  nak(delay?: number): void {
    this.message.nak(delay);
  }

  /**
   * See {@link JetStreamMessage.inProgress}.
   *
   * @throws {@link MessageAlreadySettledError}
   */
  inProgress(): void {
    this.message.inProgress();
  }

  /**
   * See {@link JetStreamMessage.term}.
   *
   * @throws {@link MessageAlreadySettledError}, {@link InvalidArgumentError}
   */
  term(reason?: string): void {
    this.message.term(reason);
  }
}
