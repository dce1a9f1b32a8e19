import { BaseRpcContext } from '@nestjs/microservices';
import type { Msg, MsgHdrs } from '@nats-io/transport-node';
import { InvalidArgumentError } from '../../errors/index.js';
import { isReplyAllowed } from '../../validation/index.js';

/** What `@Ctx()` gives a handler of `@NatsSubscribe`. */
export class NatsSubscribeContext extends BaseRpcContext<[Msg]> {
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

  /**
   * Answers the message.
   *
   * The sender chose where the answer goes, and it is sent with the rights of this application. So it is not sent to a
   * subject that begins with `$`, has wildcards or is too long, and it must not be empty.
   *
   * @returns `false` if no answer is awaited, or its subject is not allowed
   * @throws {@link InvalidArgumentError} if the answer is empty
   * @throws {@link PayloadTooLargeError}, {@link ConnectionClosedError}
   */
  respond(data: Uint8Array | string, headers?: MsgHdrs): boolean {
    const { reply } = this;
    if (reply === undefined || !isReplyAllowed(reply)) return false;
    // Callers without types may leave the data out.
    const given: Uint8Array | string | undefined = data;
    if (given === undefined || given.length === 0) {
      throw new InvalidArgumentError('data', 'an answer must not be empty; give it a payload');
    }
    return this.message.respond(data, headers && { headers });
  }
}
