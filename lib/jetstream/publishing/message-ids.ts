import { nuid } from '@nats-io/transport-node';

/** Generates message ids: a globally unique prefix and a number. */
export class MessageIds {
  private readonly prefix = `${nuid.next()}.`;
  private serial = 0;

  next(): string {
    return this.prefix + ++this.serial;
  }
}
