import { BaseRpcContext } from '@nestjs/microservices';
import type { Msg, MsgHdrs } from '@nats-io/transport-node';
import { InvalidArgumentError } from '../../errors/index.js';
import { isReplyAllowed } from '../../validation/index.js';

/** The `@Ctx()` of a `@NatsSubscribe` handler. */
export class NatsSubscribeContext extends BaseRpcContext<[Msg]> {
  /** @internal */
  constructor(message: Msg) {
    super([message]);
  }

  /** The message of the NATS client. */
  get message(): Msg {
    return this.args[0];
  }

  get subject(): string {
    return this.message.subject;
  }

  /** The headers; `undefined` if the message has none. */
  get headers(): MsgHdrs | undefined {
    return this.message.headers;
  }

  /** The subject for the answer; `undefined` if the sender expects none. */
  get reply(): string | undefined {
    return this.message.reply || undefined;
  }

  /**
   * Answers the message.
   *
   * The sender chose the subject of the answer, but the answer is published with the permissions of this application.
   * Therefore it is not sent to a subject that begins with `$`, has wildcards or is too long. An answer must not be
   * empty.
   *
   * @returns `false` if the sender expects no answer, or its subject is not allowed
   * @throws {@link InvalidArgumentError} if the answer is empty
   * @throws {@link PayloadTooLargeError}, {@link ConnectionClosedError}
   */
  respond(data: Uint8Array | string, headers?: MsgHdrs): boolean {
    const { reply } = this;
    if (reply === undefined || !isReplyAllowed(reply)) return false;
    // Callers without types may omit the data.
    const given: Uint8Array | string | undefined = data;
    if (given === undefined || given.length === 0) {
      throw new InvalidArgumentError('data', 'an empty answer is not allowed; pass a payload');
    }
    return this.message.respond(data, headers && { headers });
  }
}
