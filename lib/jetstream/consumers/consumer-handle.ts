import type { CallOptions, JetStreamApi } from '../api/index.js';
import type { ReceivingFrom } from '../receiving/index.js';
import { consumerInfo } from './consumer-api.js';
import type { StoredConsumerConfig } from './consumer-config.js';
import type { ConsumerInfo } from './consumer-info.js';

/** The common part of pull and push consumers: the name and the last known information. */
export abstract class ConsumerHandle<Config extends StoredConsumerConfig> {
  private known: ConsumerInfo<Config>;

  /** @internal Created by `JetStreamService` and `Stream`. */
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

  /** The last information received from the server, without another request. */
  get cachedInfo(): ConsumerInfo<Config> {
    return this.known;
  }

  /**
   * Requests configuration and state from the server.
   *
   * @throws {@link ConsumerNotFoundError} if the consumer no longer exists
   */
  async info(options: CallOptions = {}): Promise<ConsumerInfo<Config>> {
    this.known = this.ofThisKind(await consumerInfo(this.api, this.stream, this.name, options));
    return this.known;
  }

  /** The names for errors. */
  protected get names(): ReceivingFrom {
    return { stream: this.stream, consumer: this.name };
  }

  /** Rejects a consumer of the other kind, which may have replaced this one under the same name. */
  protected abstract ofThisKind(info: ConsumerInfo): ConsumerInfo<Config>;
}
