import type { JetStreamMessage } from '../../jetstream/index.js';
import { errorText } from '../../reporting/index.js';
import { wrongType } from '../../user-code/index.js';
import type { KeyOf } from '../planning/index.js';
import { InvalidPayloadError, type SettlementPolicy } from '../settlement/index.js';

/**
 * The keys that `orderBy` returns for messages. If it throws or returns an invalid key, the message gets a unique key
 * and counts as a message with an invalid payload: its handler is not called.
 */
export class MessageKeys {
  private readonly failures = new WeakMap<JetStreamMessage, InvalidPayloadError>();
  private anyFailure = false;

  constructor(private readonly keyOf: KeyOf) {}

  /** The key of a message. Never throws. */
  of(message: JetStreamMessage): unknown {
    let problem: string;
    let cause: unknown;
    try {
      const key: unknown = this.keyOf(message);
      if (isKey(key)) return key;
      problem = `returned ${wrongType(key)}; it must return a string`;
    } catch (error) {
      cause = error;
      problem = `threw: ${errorText(error)}`;
    }
    this.anyFailure = true;
    this.failures.set(message, new InvalidPayloadError(`orderBy ${problem}`, { cause }));
    return message;
  }

  /** Rejects a message without a valid key. @throws {@link InvalidPayloadError} */
  check(message: JetStreamMessage, { ackMode }: SettlementPolicy): void {
    if (!this.anyFailure) return;
    const failure = this.failures.get(message);
    if (failure === undefined) return;
    this.failures.delete(message);
    // With `ackMode: 'first'`, the message is acknowledged before the handler is called, so it must be acknowledged
    // here too.
    if (ackMode === 'first' && !message.settled) message.ack();
    throw failure;
  }
}

/** `undefined` is a valid key: messages that lack the ordering value share it. */
function isKey(key: unknown): boolean {
  return key === null || (typeof key !== 'object' && typeof key !== 'function');
}
