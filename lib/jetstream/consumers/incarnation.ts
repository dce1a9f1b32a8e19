import type { CallOptions, JetStreamApi } from '../api/index.js';
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

  constructor(
    private readonly api: JetStreamApi,
    private readonly stream: string,
  ) {}

  /** Requests the creation time without waiting for it. If there is no response, it is requested again later. */
  learn(): void {
    this.info().then(
      ({ created }) => (this.created ??= Date.parse(created)),
      () => undefined,
    );
  }

  /**
   * Whether the stream was created again, or ends before a sequence that it had already reached.
   *
   * @throws {@link StreamNotFoundError} and the other errors of an API call
   */
  async hasChanged(reached: number, options: CallOptions = {}): Promise<boolean> {
    const { created, state } = await this.info(options);
    const known = this.created;
    this.created = Date.parse(created);
    return (known !== undefined && known !== this.created) || state.last_seq < reached;
  }

  private info(options: CallOptions = {}): Promise<StreamInfo> {
    return this.api.call<StreamInfo>(`STREAM.INFO.${this.stream}`, undefined, {
      ...options,
      stream: this.stream,
    });
  }
}

interface StreamInfo {
  readonly created: string;
  readonly state: { readonly last_seq: number };
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
