import type { PublishRefusedError } from '../../errors/index.js';
import type { PubAck } from './pub-ack.js';
import type { DeliveryOptions, MessageOptions, OutgoingMessage } from './publish-options.js';

/** One message of a bulk load. */
export interface IngestMessage
  extends OutgoingMessage, Pick<MessageOptions, 'messageId' | 'expect' | 'ttl' | 'codec'> {}

/** Messages of a bulk load that the stream did not get, by their numbers in it: the first message is number 1. */
export interface IngestGap {
  readonly from: number;
  readonly to: number;
}

/** Options of a bulk load. */
export interface IngestOptions extends DeliveryOptions {
  /**
   * Whether to go on where a message is lost or refused. Default `false`: the load stops, so that what is stored is
   * always the start of the source, in order.
   */
  readonly allowGaps?: boolean | undefined;
  /** Hears of lost messages, with `allowGaps`. */
  readonly onGap?: ((gap: IngestGap) => void) | undefined;
  /** Hears of refused messages, with `allowGaps`, and their numbers in the load. */
  readonly onRefused?: ((error: PublishRefusedError, message: number) => void) | undefined;
  /**
   * How many messages the server acknowledges at a time, at most; the server may choose fewer. Default 500, the
   * most that it grants.
   */
  readonly ackInterval?: number | undefined;
  /** How many acknowledgements may be outstanding, at most 3. Default 2. */
  readonly maxOutstandingAcks?: number | undefined;
}

/** What a bulk load has done. */
export interface IngestResult {
  /** How many messages were sent. */
  readonly count: number;
  /** The last acknowledgement, `undefined` where the source was empty. */
  readonly ack: PubAck | undefined;
}
