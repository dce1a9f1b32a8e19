import type { Msg, PublishOptions } from '@nats-io/transport-node';

/**
 * Sends the answers to messages (acknowledgements above all) of one turn of the event loop together.
 *
 * The client writes to its socket a microtask after something is published. Handlers that are asynchronous end in a
 * microtask each, so that every acknowledgement would be a system call of its own: several times the cost of all else.
 * A tick comes when all microtasks are through.
 */
export class Outbox {
  private messages: Msg[] = [];
  private answers: (Uint8Array | string)[] = [];
  private options: (PublishOptions | undefined)[] = [];

  /** Answers a message within this turn of the event loop. */
  respond(message: Msg, answer: Uint8Array | string, options?: PublishOptions): void {
    if (this.messages.push(message) === 1) process.nextTick(this.flush);
    this.answers.push(answer);
    this.options.push(options);
  }

  /** Sends what waits, now. */
  readonly flush = (): void => {
    const { messages, answers, options } = this;
    if (messages.length === 0) return;
    this.messages = [];
    this.answers = [];
    this.options = [];
    for (let i = 0; i < messages.length; i++) messages[i].respond(answers[i], options[i]);
  };
}
