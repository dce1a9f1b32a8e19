import { ConsumerAlreadyConsumingError } from '../../errors/index.js';
import {
  checkOnError,
  checkPushOptions,
  LoopConsumption,
  PushLoop,
  requireOpen,
  type Consumption,
  type ConsumeCallback,
  type PushConsumeOptions,
} from '../receiving/index.js';
import { requirePush } from './consumer-api.js';
import type { StoredPushConsumerConfig } from './consumer-config.js';
import { ConsumerHandle } from './consumer-handle.js';
import type { ConsumerInfo } from './consumer-info.js';

/** A push consumer: the server delivers messages to its `deliverSubject`. */
export class PushConsumer extends ConsumerHandle<StoredPushConsumerConfig> {
  private consuming = false;

  /**
   * Passes messages to a handler, one at a time and in order. Flow control and the queue group are those of the
   * consumer's configuration. Missed heartbeats are reported to `onError`, and delivery continues when the server
   * continues. If the consumer is deleted, it ends with {@link ConsumerDeletedError}. Without `idleHeartbeat` in the
   * consumer's configuration, a deleted consumer is noticed within about six seconds, and a silent server is not.
   *
   * @throws {@link ConsumerAlreadyConsumingError} if this handle is already consuming
   * @throws {@link ConnectionClosedError}
   */
  consume(handler: ConsumeCallback, options: PushConsumeOptions = {}): Consumption {
    const { deliverSubject, deliverGroup, idleHeartbeat = 0 } = this.cachedInfo.config;
    const { connection } = this.api;
    if (this.consuming) throw new ConsumerAlreadyConsumingError(this.stream, this.name);
    checkOnError(checkPushOptions(options).onError);
    requireOpen(connection);
    const delivery = { subject: deliverSubject, group: deliverGroup, idleHeartbeat };
    const consumption = new LoopConsumption(
      handler,
      options,
      () => this.names,
      (owner) => new PushLoop(this.api, this.names, delivery, owner, () => this.deliversTo()),
    );
    this.consuming = true;
    void consumption.closed.then(() => (this.consuming = false));
    return consumption;
  }

  private async deliversTo(): Promise<{ subject: string; group: string | undefined }> {
    const { config } = await this.info();
    return { subject: config.deliverSubject, group: config.deliverGroup };
  }

  protected override ofThisKind(info: ConsumerInfo): ConsumerInfo<StoredPushConsumerConfig> {
    return requirePush(info);
  }
}
