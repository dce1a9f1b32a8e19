import {
  ConsumerNotFoundError,
  DeadLetterPayloadGoneError,
  MessageNotFoundError,
  StreamNotFoundError,
} from '../../errors/index.js';
import type { CallOptions, JetStreamService, StoredMessage } from '../../jetstream/index.js';
import type { DeadLetter } from './dead-letter.js';

/** Reads the originals of dead letters that were stored without their payload. */
export class Originals {
  constructor(private readonly jetstream: JetStreamService) {}

  /**
   * A dead letter with its payload, which is read from the stream of the original if the dead letter was stored without
   * it.
   *
   * @throws {@link DeadLetterPayloadGoneError}
   */
  async complete(letter: DeadLetter, options: CallOptions): Promise<DeadLetter> {
    if (letter.omittedPayloadSize === undefined) return letter;
    const { sequence, stream, streamSequence } = letter;
    try {
      const source = await this.jetstream.stream(stream, options);
      const original = await source.getMessage(streamSequence, options);
      if (isOriginal(original, letter)) return letter.completedBy(original);
    } catch (cause) {
      if (!isGone(cause)) throw cause;
      throw new DeadLetterPayloadGoneError(sequence, stream, streamSequence, { cause });
    }
    throw new DeadLetterPayloadGoneError(sequence, stream, streamSequence);
  }

  /** Terminates an original that was left in its stream, after its dead letter was dropped. */
  async release(
    { omittedPayloadSize, stream, streamSequence, consumer }: DeadLetter,
    options: CallOptions,
  ): Promise<void> {
    if (omittedPayloadSize === undefined) return;
    try {
      const source = await this.jetstream.stream(stream, options);
      if (source.cachedInfo.config.retention === 'limits') return;
      const { config } = (await this.jetstream.consumer(stream, consumer, options)).cachedInfo;
      // With other ack policies, one acknowledgement would settle all messages before it.
      if (config.ackPolicy !== 'explicit') return;
    } catch (error) {
      if (!isGone(error)) throw error;
      return;
    }
    const ack = `$JS.ACK.${stream}.${consumer}.1.${streamSequence}.0.0.0`;
    this.jetstream.connection.post(ack, '+TERM', { purpose: 'the termination of a replayed message' });
  }
}

/** Sequences start from the beginning in a stream that was created again. */
function isOriginal({ subject, time, data }: StoredMessage, letter: DeadLetter): boolean {
  return (
    subject === letter.subject &&
    time.getTime() === letter.published.getTime() &&
    data.length === letter.omittedPayloadSize
  );
}

function isGone(error: unknown): boolean {
  return (
    error instanceof MessageNotFoundError ||
    error instanceof StreamNotFoundError ||
    error instanceof ConsumerNotFoundError
  );
}
