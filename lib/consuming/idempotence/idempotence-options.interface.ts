import type { JetStreamMessage } from '../../jetstream/index.js';

/** Computes the key of a message. Messages that request the same work must have the same key. */
export type IdempotenceKey = {
  // Declared as a method so that a function with a narrower payload type is assignable; the handler defines that type.
  of(payload: unknown, message: JetStreamMessage): string;
}['of'];

/** Runs a handler once per key, regardless of the instance that receives the message. Durations in milliseconds. */
export interface IdempotenceOptions {
  /**
   * The Key-Value bucket that stores the keys; handlers may share one. If it does not exist, it is created at bootstrap
   * if `provisioning` allows it.
   */
  readonly bucket: string;
  /**
   * Identifies messages that are the same: a function of the payload and the message, or the name of a header that
   * every message must have. Default: the `Nats-Msg-Id` header, or the sequence in the stream if a message has no such
   * header.
   */
  readonly key?: string | IdempotenceKey | undefined;
  /**
   * How long a key is stored after its handler ran, in milliseconds; at least 1,000, and no less than `lease`. Default:
   * as long as the bucket keeps values, which is without limit if it is created at bootstrap.
   */
  readonly ttl?: number | undefined;
  /**
   * How long a claim is valid without renewal, in milliseconds; at least 100. Then another instance may take over the
   * key. The claim is renewed while the handler runs. Default: the handler's `ackWait`.
   */
  readonly lease?: number | undefined;
}
