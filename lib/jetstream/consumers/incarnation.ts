import type { JetStreamApi } from '../api/index.js';
import type { BaseConsumerConfig } from './consumer-config.js';
import type { ConsumerInfo } from './consumer-info.js';

/** Where a consumer starts. */
export type ConsumerStart = Pick<BaseConsumerConfig, 'deliverPolicy' | 'startSequence' | 'startTime'>;

/** Knows one life of a stream, from its creation to its deletion: sequences of another one under the same name mean nothing. */
export class Incarnation {
  private created: number | undefined;

  constructor(
    private readonly api: JetStreamApi,
    private readonly stream: string,
  ) {}

  /** Asks for the time of creation, without waiting for it. If there is no answer, it is learned later. */
  learn(): void {
    this.info().then(
      ({ created }) => (this.created ??= Date.parse(created)),
      () => undefined,
    );
  }

  /**
   * Whether the stream is another one than before, or ends before a sequence that it had reached.
   *
   * @throws {@link StreamNotFoundError} and the other errors of an API call
   */
  async hasChanged(reached: number): Promise<boolean> {
    const { created, state } = await this.info();
    const known = this.created;
    this.created = Date.parse(created);
    return (known !== undefined && known !== this.created) || state.last_seq < reached;
  }

  private info(): Promise<StreamInfo> {
    return this.api.call<StreamInfo>(`STREAM.INFO.${this.stream}`, undefined, { stream: this.stream });
  }
}

interface StreamInfo {
  readonly created: string;
  readonly state: { readonly last_seq: number };
}

/** A start after a sequence of the stream. */
export function startAfter(sequence: number): ConsumerStart {
  return { deliverPolicy: 'by_start_sequence', startSequence: sequence + 1, startTime: undefined };
}

/**
 * The start in a stream that was created again: all of its messages are new. Only a time, or the last messages, still mean
 * what they meant in the stream before.
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
 * The sequence that a new consumer starts after, as the server has decided it: what `new` or `last` mean is fixed by that.
 * `undefined` for `last_per_subject`, whose first messages have no common start.
 */
export function startPosition({ config, ackFloor }: ConsumerInfo): number | undefined {
  return config.deliverPolicy === 'last_per_subject' ? undefined : ackFloor.streamSequence;
}
