import type { JetStreamMessage } from '../../jetstream/index.js';

/** Makes the key of a message: the same for all that ask for the same work. */
export type IdempotenceKey = {
  // A method, so that a function of a narrower payload fits: its type is the handler's promise anyway.
  of(payload: unknown, message: JetStreamMessage): string;
}['of'];

/** Runs a handler once a key, whichever instance of the application gets the message. Durations in milliseconds. */
export interface IdempotenceOptions {
  /**
   * The Key-Value bucket that remembers keys; handlers may share one. It is made at bootstrap where there is none and
   * `provisioning` allows it.
   */
  readonly bucket: string;
  /**
   * What makes two messages the same: a function of the payload and the message, or the name of a header that every
   * message must have. Default: the `Nats-Msg-Id` header, and where a message has none its sequence in the stream.
   */
  readonly key?: string | IdempotenceKey | undefined;
  /**
   * How long a key is remembered after its handler ran, in milliseconds; at least 1,000, and no less than `lease`.
   * Default: as long as the bucket keeps values, for ever in one that is made at bootstrap.
   */
  readonly ttl?: number | undefined;
  /**
   * After how many milliseconds without a sign of life another instance may take over a key whose handler still ran;
   * at least 100. It is renewed while the handler runs. Default: the handler's `ackWait`.
   */
  readonly lease?: number | undefined;
}
