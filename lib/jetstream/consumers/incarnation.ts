import { type CallOptions, caughtUp, type JetStreamApi, type StreamProgress } from '../api/index.js';
import type { BaseConsumerConfig } from './consumer-config.js';
import type { ConsumerInfo } from './consumer-info.js';

/** The options that decide at which message a consumer starts. */
export type ConsumerStart = Pick<BaseConsumerConfig, 'deliverPolicy' | 'startSequence' | 'startTime'>;

/**
 * Identifies one incarnation of a stream, from its creation to its deletion. Sequences of another incarnation with the
 * same name are not comparable.
 */
export class Incarnation {
  private created: number | undefined;
  /** When the creation time was read, on the clock of the server. */
  private readAt = 0;

  constructor(
    private readonly api: JetStreamApi,
    private readonly stream: string,
  ) {}

  /** Requests the creation time without waiting for it. If there is no response, it is requested again later. */
  learn(): void {
    this.info().then(
      (info) => {
        if (this.created === undefined) this.remember(info);
      },
      () => undefined,
    );
  }

  /**
   * Whether the stream was created again, or ends before a sequence that it had already reached.
   *
   * @throws {@link StreamNotFoundError} and the other errors of an API call
   */
  async hasChanged(reached: number, options: CallOptions = {}): Promise<boolean> {
    const known = this.created;
    const { readAt } = this;
    const info = await caughtUp(() => this.info(options), reached, known, options.signal);
    this.remember(info);
    // If several clients created the stream at once, servers of a cluster know several creation times, and one that
    // restarts reports another one. A stream that was created again has one after the former stream was read.
    const isOther = known !== undefined && this.created !== known && Date.parse(info.created) > readAt;
    return isOther || info.state.last_seq < reached;
  }

  private remember({ created, ts }: StreamInfo): void {
    this.created = Date.parse(created);
    this.readAt = Date.parse(ts ?? created);
  }

  private info(options: CallOptions = {}): Promise<StreamInfo> {
    return this.api.call<StreamInfo>(`STREAM.INFO.${this.stream}`, undefined, {
      ...options,
      stream: this.stream,
    });
  }
}

interface StreamInfo extends StreamProgress {
  /** The time of the response. nats-server 2.10. */
  readonly ts?: string;
}

/** A start position after a sequence of the stream. */
export function startAfter(sequence: number): ConsumerStart {
  return { deliverPolicy: 'by_start_sequence', startSequence: sequence + 1, startTime: undefined };
}

/**
 * The start position in a stream that was created again: all of its messages are new. Only a start by time, or at the
 * last messages, keeps its meaning.
 */
export function startOfNewStream(start: ConsumerStart): ConsumerStart {
  switch (start.deliverPolicy) {
    case 'last':
    case 'last_per_subject':
    case 'by_start_time':
      return start;
    default:
      return { deliverPolicy: 'all', startSequence: undefined, startTime: undefined };
  }
}

/**
 * The sequence after which the server started a new consumer. It replaces relative policies such as `new` or `last`.
 * `undefined` for `last_per_subject`, whose first messages have no common start.
 */
export function startPosition({ config, ackFloor }: ConsumerInfo): number | undefined {
  return config.deliverPolicy === 'last_per_subject' ? undefined : ackFloor.streamSequence;
}
