import { Buffer } from 'node:buffer';
import type { Msg } from '@nats-io/transport-node';
import { asMsg } from '../../connection/index.js';
import { MessageAlreadySettledError } from '../../errors/index.js';
import { JetStreamMessage } from '../../jetstream/index.js';
import type { Requests } from '../../requests/index.js';
import type { DeadLetter } from './dead-letter.js';

/**
 * The original message of a dead letter, for a replay to its handler. The server's delivery ended long ago, so the
 * handler's settlement is recorded here and not sent.
 */
export class ReplayedMessage extends JetStreamMessage {
  private word: 'ack' | 'nak' | 'term' | undefined;

  constructor(letter: DeadLetter, requests: Requests) {
    super(originalOf(letter), requests);
  }

  /** How the handler settled the message. */
  get settledWith(): 'ack' | 'nak' | 'term' | undefined {
    return this.word;
  }

  override get settled(): boolean {
    return this.word !== undefined;
  }

  override ack(): void {
    this.say('ack');
  }

  override doubleAck(): Promise<void> {
    this.say('ack');
    return Promise.resolve();
  }

  override nak(): void {
    this.say('nak');
  }

  override term(): void {
    this.say('term');
  }

  override inProgress(): void {
    if (this.settled) throw new MessageAlreadySettledError(this.subject);
  }

  private say(word: 'ack' | 'nak' | 'term'): void {
    if (this.settled) throw new MessageAlreadySettledError(this.subject);
    this.word = word;
  }
}

function originalOf({
  stream,
  consumer,
  subject,
  streamSequence,
  deliveries,
  published,
  data,
  headers,
}: DeadLetter): Msg {
  const text = (): string => Buffer.from(data).toString();
  return asMsg({
    subject,
    sid: 0,
    // The metadata are read from this subject: one more delivery of the same message.
    reply: `$JS.ACK.${stream}.${consumer}.${deliveries + 1}.${streamSequence}.0.${published.getTime()}000000.0`,
    data,
    headers,
    respond: () => false,
    string: text,
    json: <T>() => JSON.parse(text()) as T,
  });
}
