import { Logger } from '@nestjs/common';
import { NatsContext } from '@nestjs/microservices';
import type { Msg, MsgHdrs } from '@nats-io/transport-node';
import { printable } from '../../reporting/index.js';
import { FencedAbortController, UserCalls } from '../../user-code/index.js';
import { metadataOf, type CallPacket } from '../packets/index.js';

/**
 * The `@Ctx()` of a handler of requests, or of events that do not come from a stream: an extension of Nest's
 * `NatsContext`.
 */
export class JetStreamRequestContext extends NatsContext {
  private controller: FencedAbortController | undefined;

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

  /** The headers; `undefined` if the message has none. */
  get headers(): MsgHdrs | undefined {
    return this.message.headers;
  }

  /**
   * Aborted when the caller has cancelled its request, or the server stops waiting for the handler at shutdown. Errors
   * of its listeners are logged.
   */
  get signal(): AbortSignal {
    return this.abortController.signal;
  }

  /** The values that the client's dispatch hook added to the packet (Nest 12), if any. */
  getMetadata(): Readonly<Record<string, string>> | undefined {
    return metadataOf(this.packet);
  }

  /** @internal */
  abort(): void {
    this.abortController.abort();
  }

  private get abortController(): FencedAbortController {
    const listener = `A listener of the signal of a request on "${printable(this.subject)}"`;
    return (this.controller ??= new FencedAbortController(calls, listener));
  }
}

const calls = new UserCalls(new Logger('JetStreamServer'));
