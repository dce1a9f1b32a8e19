import { nuid } from '@nats-io/transport-node';

/** Makes ids for messages: a globally unique start, and a number. */
export class MessageIds {
  private readonly prefix = `${nuid.next()}.`;
  private serial = 0;

  next(): string {
    return this.prefix + ++this.serial;
  }
}
