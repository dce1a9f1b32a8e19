import { BaseRpcContext } from '@nestjs/microservices';
import type { Msg, MsgHdrs } from '@nats-io/transport-node';

/** What `@Ctx()` gives a handler of `@Subscribe`. */
export class NatsContext extends BaseRpcContext<[Msg]> {
  /** @internal */
  constructor(message: Msg) {
    super([message]);
  }

  /** The client's own message. */
  get message(): Msg {
    return this.args[0];
  }

  get subject(): string {
    return this.message.subject;
  }

  /** The headers, `undefined` where the message has none. */
  get headers(): MsgHdrs | undefined {
    return this.message.headers;
  }

  /** Where an answer is awaited, `undefined` where none is. */
  get reply(): string | undefined {
    return this.message.reply || undefined;
  }

  /** Answers the message; false where no answer is awaited. */
  respond(data?: Uint8Array | string, headers?: MsgHdrs): boolean {
    return this.message.respond(data, headers && { headers });
  }
}
