import type { CodecSelector } from '../../codecs/index.js';
import { DeadLetterNotFoundError } from '../../errors/index.js';
import type { JetStreamMessage } from '../../jetstream/index.js';
import { type HandlerSource, JetStreamContext } from '../context/index.js';
import type { CompiledHandler } from '../results/index.js';
import type { SettlementPolicy } from '../settlement/index.js';
import { type DeadLetterFilter, toTest } from './dead-letter-filter.js';
import { DeadLetter } from './dead-letter.js';

/**
 * The `@Ctx()` of an `@OnDeadLetter` handler. Subject, headers and metadata are those of the message in the dead-letter
 * stream; those of the original are in `deadLetter`.
 */
export class DeadLetterContext extends JetStreamContext {
  private letter: DeadLetter | undefined;

  /**
   * The dead letter: the original message and the details of its failure.
   *
   * @throws {@link DeadLetterNotFoundError} if the message is not a dead letter
   */
  get deadLetter(): DeadLetter {
    this.letter ??= DeadLetter.from(this.message);
    if (!this.letter) throw new DeadLetterNotFoundError(this.metadata.streamSequence);
    return this.letter;
  }
}

/**
 * Reads a handler's parameters from a message of the dead-letter stream; the payload is decoded for the original's
 * stream.
 */
export function deadLetterSource(
  codecsOf: (stream: string) => CodecSelector,
  policy: SettlementPolicy,
): HandlerSource<JetStreamMessage> {
  return {
    payload: (message) => {
      const letter = DeadLetter.from(message);
      const { data, headers } = letter ?? message;
      if (letter?.omittedPayloadSize !== undefined) return undefined;
      try {
        return codecsOf(letter?.stream ?? policy.stream)(headers).decode(data);
      } catch {
        // The message may be a dead letter because its payload cannot be decoded.
        return data;
      }
    },
    context: (message) => new DeadLetterContext(message, policy),
    pattern: ({ subject }) => subject,
  };
}

/** Passes on the dead letters that match the filter; the others count as handled. */
export function fittingOnly(
  next: CompiledHandler<JetStreamMessage>,
  filter: DeadLetterFilter,
): CompiledHandler<JetStreamMessage> {
  const fits = toTest(filter);
  return (message) => {
    const letter = DeadLetter.from(message);
    return letter && fits(letter) ? next(message) : undefined;
  };
}
