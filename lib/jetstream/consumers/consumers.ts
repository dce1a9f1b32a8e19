import { InvalidArgumentError } from '../../errors/index.js';
import { shown } from '../../reporting/index.js';
import { fromNanos, fromTime, toTime } from '../../timing/index.js';
import { checkObject, checkWholeNumber, optionsCheck } from '../../validation/index.js';
import {
  type JetStreamApi,
  requireOperation,
  validateConsumerName,
  validateStreamName,
} from '../api/index.js';
import {
  type ConsumerAction,
  consumerInfo,
  requirePull,
  requirePush,
  upsertConsumer,
} from './consumer-api.js';
import type { ConsumerConfig, PushConsumerConfig } from './consumer-config.js';
import { type ConsumerInfo, decodeConsumerInfo, type WireConsumerInfo } from './consumer-info.js';
import { Consumer } from './consumer.js';
import { PushConsumer } from './push-consumer.js';

/** The result of pausing or resuming a consumer. */
export interface ConsumerPause {
  readonly paused: boolean;
  /** The end of the pause; `undefined` if the consumer is not paused. */
  readonly pauseUntil?: Date | undefined;
  /** The remaining time of the pause, in milliseconds; `undefined` if the consumer is not paused. */
  readonly pauseRemaining?: number | undefined;
}

/** The position to which a consumer is reset. */
export interface ConsumerResetOptions {
  /** The sequence in the stream of the next message. Default: the acknowledgement floor. */
  readonly sequence?: number | undefined;
}

const checkResetOptions = optionsCheck<ConsumerResetOptions>('resetConsumer', { sequence: true });

/** The result of resetting a consumer. */
export interface ConsumerReset {
  /** The next message has this sequence in the stream, or a higher one. */
  readonly sequence: number;
  readonly info: ConsumerInfo;
}

/** Implements the consumer operations of `JetStreamService` and `Stream`, for any stream. */
export class Consumers {
  constructor(private readonly api: JetStreamApi) {}

  async putPull(stream: string, config: ConsumerConfig, action: ConsumerAction): Promise<Consumer> {
    checkObject('config', config);
    if (config.deliverSubject !== undefined) {
      throw new InvalidArgumentError(
        'deliverSubject',
        'it is only allowed for push consumers: use the …PushConsumer methods',
      );
    }
    return new Consumer(this.api, requirePull(await upsertConsumer(this.api, stream, config, action)));
  }

  async putPush(stream: string, config: PushConsumerConfig, action: ConsumerAction): Promise<PushConsumer> {
    checkObject('config', config);
    if (config.deliverSubject === undefined) {
      throw new InvalidArgumentError(
        'deliverSubject',
        'a push consumer needs one; for a pull consumer, use the …Consumer methods',
      );
    }
    return new PushConsumer(this.api, requirePush(await upsertConsumer(this.api, stream, config, action)));
  }

  async pull(stream: string, name: string): Promise<Consumer> {
    return new Consumer(this.api, requirePull(await consumerInfo(this.api, stream, name)));
  }

  async push(stream: string, name: string): Promise<PushConsumer> {
    return new PushConsumer(this.api, requirePush(await consumerInfo(this.api, stream, name)));
  }

  async delete(stream: string, name: string): Promise<void> {
    await this.call('DELETE', stream, name);
  }

  async pause(stream: string, name: string, until: Date): Promise<ConsumerPause> {
    return this.pauseUntil(stream, name, toTime(until, 'until'));
  }

  resume(stream: string, name: string): Promise<ConsumerPause> {
    return this.pauseUntil(stream, name, undefined);
  }

  private async pauseUntil(stream: string, name: string, until: string | undefined): Promise<ConsumerPause> {
    requireOperation(this.api.connection, 'pausing a consumer');
    const { paused, pause_until, pause_remaining } = await this.call<WirePause>('PAUSE', stream, name, {
      pause_until: until,
    });
    if (!paused) return { paused };
    return { paused, pauseUntil: fromTime(pause_until), pauseRemaining: fromNanos(pause_remaining ?? 0) };
  }

  async unpin(stream: string, name: string, group: string): Promise<void> {
    requireOperation(this.api.connection, 'unpinning a consumer');
    if (typeof group !== 'string' || group === '') {
      throw new InvalidArgumentError(
        'group',
        `${shown(group)} is not the name of a priority group of the consumer`,
      );
    }
    await this.call('UNPIN', stream, name, { group });
  }

  async reset(stream: string, name: string, options: ConsumerResetOptions): Promise<ConsumerReset> {
    const { sequence } = checkResetOptions(options);
    if (sequence !== undefined) checkWholeNumber('sequence', sequence, 1);
    requireOperation(this.api.connection, 'resetting a consumer');
    const reset = await this.call<WireReset>('RESET', stream, name, { seq: sequence });
    return { sequence: reset.reset_seq, info: decodeConsumerInfo(reset) };
  }

  async *list(stream: string): AsyncGenerator<ConsumerInfo, void, undefined> {
    validateStreamName(stream);
    const items = (page: WirePage<WireConsumerInfo>) => page.consumers;
    for await (const info of this.api.pages(`CONSUMER.LIST.${stream}`, {}, items, { stream })) {
      yield decodeConsumerInfo(info);
    }
  }

  async *names(stream: string): AsyncGenerator<string, void, undefined> {
    validateStreamName(stream);
    const items = (page: WirePage<string>) => page.consumers;
    yield* this.api.pages(`CONSUMER.NAMES.${stream}`, {}, items, { stream });
  }

  private call<R extends object>(operation: string, stream: string, name: string, body?: object): Promise<R> {
    validateStreamName(stream);
    validateConsumerName(name);
    return this.api.call<R>(`CONSUMER.${operation}.${stream}.${name}`, body, { stream, consumer: name });
  }
}

interface WirePause {
  readonly paused: boolean;
  readonly pause_until?: string;
  readonly pause_remaining?: number;
}

interface WireReset extends WireConsumerInfo {
  readonly reset_seq: number;
}

interface WirePage<T> {
  readonly total?: number;
  readonly consumers?: readonly T[] | null;
}
