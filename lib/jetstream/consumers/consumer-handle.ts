import type { JetStreamApi } from '../api/index.js';
import type { ReceivingFrom } from '../receiving/index.js';
import { consumerInfo } from './consumer-api.js';
import type { StoredConsumerConfig } from './consumer-config.js';
import type { ConsumerInfo } from './consumer-info.js';

/** What pull and push consumers have in common: a name and what is known of them. */
export abstract class ConsumerHandle<Config extends StoredConsumerConfig> {
  private known: ConsumerInfo<Config>;

  /** @internal Made by `JetStreamService` and `Stream`. */
  constructor(
    protected readonly api: JetStreamApi,
    info: ConsumerInfo<Config>,
  ) {
    this.known = info;
  }

  /** The name of the stream. */
  get stream(): string {
    return this.known.stream;
  }

  /** The name of the consumer. */
  get name(): string {
    return this.known.name;
  }

  /** What the server last said, without asking it again. */
  get cachedInfo(): ConsumerInfo<Config> {
    return this.known;
  }

  /**
   * Asks the server for configuration and state.
   *
   * @throws {@link ConsumerNotFoundError} where it is gone
   */
  async info(): Promise<ConsumerInfo<Config>> {
    this.known = this.ofThisKind(await consumerInfo(this.api, this.stream, this.name));
    return this.known;
  }

  /** The names for errors. */
  protected get names(): ReceivingFrom {
    return { stream: this.stream, consumer: this.name };
  }

  /** Refuses a consumer of the other kind: one of the same name may have taken its place. */
  protected abstract ofThisKind(info: ConsumerInfo): ConsumerInfo<Config>;
}
