import { NatsContext } from '@nestjs/microservices';
import type { Msg, MsgHdrs } from '@nats-io/transport-node';
import { metadataOf, type CallPacket } from '../packets/index.js';

/**
 * What `@Ctx()` gives a handler of requests, or of events that do not come from a stream: Nest's `NatsContext` with more
 * in it.
 */
export class JetStreamRequestContext extends NatsContext {
  private controller: AbortController | undefined;

  /** @internal */
  constructor(
    /** The core NATS message. */
    readonly message: Msg,
    private readonly packet: CallPacket,
  ) {
    super([message.subject, message.headers]);
  }

  /** The subject that the request was sent to. */
  get subject(): string {
    return this.args[0];
  }

  /** The headers, `undefined` where the message has none. */
  get headers(): MsgHdrs | undefined {
    return this.message.headers;
  }

  /** Aborts when the caller has called its request off, or the server gives up waiting for the handler at shutdown. */
  get signal(): AbortSignal {
    this.controller ??= new AbortController();
    return this.controller.signal;
  }

  /** What the client's dispatch hook added to the packet (Nest 12), if anything. */
  getMetadata(): Readonly<Record<string, string>> | undefined {
    return metadataOf(this.packet);
  }

  /** @internal */
  abort(): void {
    this.controller ??= new AbortController();
    this.controller.abort();
  }
}
