import { utf8 } from '../../codecs/index.js';
import { InvalidPubAckError, type ApiErrorBody, type PublishRefusedError } from '../../errors/index.js';
import { publishError } from './publish-error.js';

/** A stream's acknowledgement that it stored a message. */
export interface PubAck {
  /** The stream that stored the message. */
  readonly stream: string;
  /** The message's sequence in that stream. */
  readonly sequence: number;
  /**
   * Whether a message with the same id was stored before, within the duplicates window; `sequence` is then the sequence
   * of that message.
   */
  readonly duplicate: boolean;
  /** The JetStream domain of the stream, if it has one. */
  readonly domain?: string | undefined;
  /** The counter's value after an increment, in decimal digits (nats-server 2.12, ADR-49). */
  readonly value?: string | undefined;
  /** The id of the batch that this acknowledgement ends (ADR-50). */
  readonly batchId?: string | undefined;
  /** The number of messages that the batch stored. */
  readonly batchSize?: number | undefined;
}

interface WireAck {
  readonly stream?: string;
  readonly seq?: number;
  readonly duplicate?: boolean;
  readonly domain?: string;
  readonly val?: string;
  readonly batch?: string;
  readonly count?: number;
  readonly error?: ApiErrorBody;
}

const BRACE = 125;

/**
 * Reads acknowledgements. Acknowledgements of one stream differ only in the sequence at their end, so the part before
 * it is compared with the previous one byte by byte, and only the digits are parsed. This takes a tenth of the time of
 * `JSON.parse`.
 */
export class PubAckReader {
  private prefix: Uint8Array = new Uint8Array(0);
  private stream = '';
  private domain: string | undefined;

  /** @throws the error of a refusal, or {@link InvalidPubAckError} */
  read(data: Uint8Array, subject: string): PubAck {
    const sequence = this.sequenceOf(data);
    if (sequence === 0) return this.readWhole(data, subject);
    return this.domain === undefined
      ? { stream: this.stream, sequence, duplicate: false }
      : { stream: this.stream, sequence, duplicate: false, domain: this.domain };
  }

  private sequenceOf(data: Uint8Array): number {
    const { prefix } = this;
    const start = prefix.length;
    const end = data.length - 1;
    if (start === 0 || end <= start || data[end] !== BRACE) return 0;
    for (let i = 0; i < start; i++) if (data[i] !== prefix[i]) return 0;
    let sequence = 0;
    for (let i = start; i < end; i++) {
      const digit = data[i] - 48;
      if (digit < 0 || digit > 9) return 0;
      sequence = sequence * 10 + digit;
    }
    return sequence;
  }

  private readWhole(data: Uint8Array, subject: string): PubAck {
    const ack = parsePubAck(data, subject);
    // Matches only acknowledgements that end with the sequence: not those of duplicates, counters and batches.
    const end = /"seq":(\d+\})$/.exec(utf8(data))?.[1];
    if (end !== undefined) {
      this.prefix = data.slice(0, data.length - end.length);
      this.stream = ack.stream;
      this.domain = ack.domain;
    }
    return ack;
  }
}

/**
 * Reads one acknowledgement.
 *
 * @throws the error of a refusal, or {@link InvalidPubAckError}
 */
export function parsePubAck(data: Uint8Array, subject: string): PubAck {
  const { stream, seq, duplicate, domain, val, batch, count, error } = parseReply<WireAck>(data, subject);
  if (error) throw publishError(error, subject);
  if (typeof stream !== 'string' || stream === '' || typeof seq !== 'number')
    throw new InvalidPubAckError(subject, 'it does not contain a stream and a sequence');
  return {
    stream,
    sequence: seq,
    duplicate: duplicate ?? false,
    ...(domain && { domain }),
    ...(val !== undefined && { value: val }),
    ...(batch !== undefined && { batchId: batch, batchSize: count ?? 0 }),
  };
}

/** The error in a response; `undefined` if there is none: an empty response confirms a message of a batch. */
export function refusalIn(data: Uint8Array, subject: string): PublishRefusedError | undefined {
  const error = data.length > 0 ? parseReply<WireAck>(data, subject).error : undefined;
  return error && publishError(error, subject);
}

/** @throws {@link InvalidPubAckError} if it is not a JSON object */
export function parseReply<T extends object>(data: Uint8Array, subject: string): Partial<T> {
  let value: unknown;
  try {
    value = JSON.parse(utf8(data));
  } catch (cause) {
    throw new InvalidPubAckError(subject, 'it is not JSON', { cause });
  }
  if (typeof value === 'object' && value !== null) return value;
  throw new InvalidPubAckError(subject, 'it is not an object');
}
