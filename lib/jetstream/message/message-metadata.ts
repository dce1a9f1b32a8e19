/** The position of a message in its stream and consumer, read from its acknowledgement subject (ADR-15). */
export interface MessageMetadata {
  readonly stream: string;
  readonly consumer: string;
  /** The JetStream domain; empty if there is none. */
  readonly domain: string;
  /** The number of deliveries of the message to this consumer, including this one: 1 at first. */
  readonly deliveryCount: number;
  /** The message's sequence in the stream. */
  readonly streamSequence: number;
  /** The delivery's sequence in the consumer. */
  readonly consumerSequence: number;
  /** When the stream stored the message. */
  readonly timestamp: Date;
  /** The number of messages that match the consumer's filter and follow this one. */
  readonly pending: number;
}

/**
 * Reads both forms of an acknowledgement subject:
 * `$JS.ACK.<stream>.<consumer>.<delivered>.<sseq>.<cseq>.<time>.<pending>` and, since nats-server 2.9.x with domains,
 * `$JS.ACK.<domain>.<account>.<stream>.<consumer>.<delivered>.<sseq>.<cseq>.<time>.<pending>[.<token>]`.
 *
 * @returns `undefined` if the subject is not an acknowledgement subject
 */
export function parseMetadata(reply: string): MessageMetadata | undefined {
  if (!reply.startsWith('$JS.ACK.')) return undefined;
  const tokens = reply.split('.');
  if (tokens.length < 9 || tokens.length === 10) return undefined;
  const offset = tokens.length === 9 ? 2 : 4;
  const domain = offset === 4 ? tokens[2] : '_';
  return {
    domain: domain === '_' ? '' : domain,
    stream: tokens[offset],
    consumer: tokens[offset + 1],
    deliveryCount: Number(tokens[offset + 2]),
    streamSequence: Number(tokens[offset + 3]),
    consumerSequence: Number(tokens[offset + 4]),
    // Nanoseconds exceed the precision of a double; without the last six digits, they are exact milliseconds.
    timestamp: new Date(Number(tokens[offset + 5].slice(0, -6))),
    pending: Number(tokens[offset + 6]),
  };
}

/** Reads only the delivery count, without parsing the rest. Settlement needs it for every failed message. */
export function deliveryCount(reply: string): number {
  return parseMetadata(reply)?.deliveryCount ?? 1;
}
