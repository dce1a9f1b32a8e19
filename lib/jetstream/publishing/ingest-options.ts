import type { PublishRefusedError } from '../../errors/index.js';
import type { PubAck } from './pub-ack.js';
import type { DeliveryOptions, MessageOptions, OutgoingMessage } from './publish-options.js';

/** One message of an ingest. */
export interface IngestMessage
  extends OutgoingMessage, Pick<MessageOptions, 'messageId' | 'expect' | 'ttl' | 'codec'> {}

/** Messages of an ingest that did not reach the stream, by their numbers in it: the first message is number 1. */
export interface IngestGap {
  readonly from: number;
  readonly to: number;
}

/** Options of an ingest. */
export interface IngestOptions extends DeliveryOptions {
  /**
   * Whether to continue if a message is lost or refused. Default `false`: the ingest stops, so that the stored messages
   * are always the beginning of the source, in order.
   */
  readonly allowGaps?: boolean | undefined;
  /** Called with lost messages, if `allowGaps` is set. */
  readonly onGap?: ((gap: IngestGap) => void) | undefined;
  /** Called with refused messages and their numbers in the ingest, if `allowGaps` is set. */
  readonly onRefused?: ((error: PublishRefusedError, message: number) => void) | undefined;
  /**
   * The maximum number of messages per acknowledgement; the server may choose fewer. Default 500, the maximum that the
   * server allows.
   */
  readonly ackInterval?: number | undefined;
  /** The maximum number of outstanding acknowledgements, at most 3. Default 2. */
  readonly maxOutstandingAcks?: number | undefined;
}

/** The result of an ingest. */
export interface IngestResult {
  /** The number of sent messages. */
  readonly count: number;
  /** The last acknowledgement; `undefined` if the source was empty. */
  readonly ack: PubAck | undefined;
}
