import { ConsumerExistsError, InvalidArgumentError, JetStreamApiError } from '../../errors/index.js';
import { shown } from '../../reporting/index.js';
import { fromNanos, fromTime, toTime } from '../../timing/index.js';
import { checkObject, checkWholeNumber, optionsCheck } from '../../validation/index.js';
import {
  CALL_OPTIONS,
  type CallOptions,
  inSteps,
  type JetStreamApi,
  type ListPage,
  listPage,
  requireOperation,
  validateConsumerName,
  validateStreamName,
  waitOf,
  type WireListPage,
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
export interface ConsumerResetOptions extends CallOptions {
  /** The sequence in the stream of the next message. Default: the acknowledgement floor. */
  readonly sequence?: number | undefined;
}

const checkResetOptions = optionsCheck<ConsumerResetOptions>('resetConsumer', {
  ...CALL_OPTIONS,
  sequence: true,
});

/** The result of resetting a consumer. */
export interface ConsumerReset {
  /** The next message has this sequence in the stream, or a higher one. */
  readonly sequence: number;
  readonly info: ConsumerInfo;
}

/** Implements the consumer operations of `JetStreamService` and `Stream`, for any stream. */
export class Consumers {
  constructor(private readonly api: JetStreamApi) {}

  async putPull(
    stream: string,
    config: ConsumerConfig,
    action: ConsumerAction,
    options: CallOptions,
  ): Promise<Consumer> {
    checkObject('config', config);
    if (config.deliverSubject !== undefined) {
      throw new InvalidArgumentError(
        'deliverSubject',
        'it is only allowed for push consumers: use the …PushConsumer methods',
      );
    }
    return new Consumer(this.api, await this.put(stream, config, action, options, requirePull));
  }

  async putPush(
    stream: string,
    config: PushConsumerConfig,
    action: ConsumerAction,
    options: CallOptions,
  ): Promise<PushConsumer> {
    checkObject('config', config);
    if (config.deliverSubject === undefined) {
      throw new InvalidArgumentError(
        'deliverSubject',
        'a push consumer needs one; for a pull consumer, use the …Consumer methods',
      );
    }
    return new PushConsumer(this.api, await this.put(stream, config, action, options, requirePush));
  }

  /** The server's refusals do not distinguish a consumer of the other kind from other differences. */
  private put<Info>(
    stream: string,
    config: ConsumerConfig | PushConsumerConfig,
    action: ConsumerAction,
    options: CallOptions,
    ofKind: (info: ConsumerInfo) => Info,
  ): Promise<Info> {
    return inSteps(options, async (left) => {
      try {
        return ofKind(await upsertConsumer(this.api, stream, config, action, left));
      } catch (error) {
        const name = config.durable ?? config.name;
        if (name !== undefined && mayBeOfOtherKind(error)) {
          const existing = await consumerInfo(this.api, stream, name, left).catch(() => undefined);
          if (existing) ofKind(existing);
        }
        throw error;
      }
    });
  }

  async pull(stream: string, name: string, options: CallOptions): Promise<Consumer> {
    return new Consumer(this.api, requirePull(await consumerInfo(this.api, stream, name, options)));
  }

  async push(stream: string, name: string, options: CallOptions): Promise<PushConsumer> {
    return new PushConsumer(this.api, requirePush(await consumerInfo(this.api, stream, name, options)));
  }

  async delete(stream: string, name: string, options: CallOptions): Promise<void> {
    await this.call('DELETE', stream, name, undefined, options);
  }

  async pause(stream: string, name: string, until: Date, options: CallOptions): Promise<ConsumerPause> {
    return this.pauseUntil(stream, name, toTime(until, 'until'), options);
  }

  resume(stream: string, name: string, options: CallOptions): Promise<ConsumerPause> {
    return this.pauseUntil(stream, name, undefined, options);
  }

  private async pauseUntil(
    stream: string,
    name: string,
    until: string | undefined,
    options: CallOptions,
  ): Promise<ConsumerPause> {
    requireOperation(this.api.connection, 'pausing a consumer');
    const body = { pause_until: until };
    const pause = await this.call<WirePause>('PAUSE', stream, name, body, options);
    const { paused, pause_until, pause_remaining } = pause;
    if (!paused) return { paused };
    return { paused, pauseUntil: fromTime(pause_until), pauseRemaining: fromNanos(pause_remaining ?? 0) };
  }

  async unpin(stream: string, name: string, group: string, options: CallOptions): Promise<void> {
    requireOperation(this.api.connection, 'unpinning a consumer');
    if (typeof group !== 'string' || group === '') {
      throw new InvalidArgumentError(
        'group',
        `${shown(group)} is not the name of a priority group of the consumer`,
      );
    }
    await this.call('UNPIN', stream, name, { group }, options);
  }

  async reset(stream: string, name: string, options: ConsumerResetOptions): Promise<ConsumerReset> {
    const { sequence, timeout, signal } = checkResetOptions(options);
    if (sequence !== undefined) checkWholeNumber('sequence', sequence, 1);
    requireOperation(this.api.connection, 'resetting a consumer');
    return inSteps({ timeout, signal }, async (left) => {
      // The server does not answer a reset of a consumer that does not exist.
      await consumerInfo(this.api, stream, name, left);
      const reset = await this.call<WireReset>('RESET', stream, name, { seq: sequence }, left);
      return { sequence: reset.reset_seq, info: decodeConsumerInfo(reset) };
    });
  }

  async *list(stream: string, options: CallOptions): AsyncGenerator<ConsumerInfo, void, undefined> {
    validateStreamName(stream);
    const items = (page: WirePage<WireConsumerInfo>) => page.consumers;
    const wait = { ...waitOf(options), stream };
    for await (const info of this.api.pages(`CONSUMER.LIST.${stream}`, {}, items, wait)) {
      yield decodeConsumerInfo(info);
    }
  }

  async *names(stream: string, options: CallOptions): AsyncGenerator<string, void, undefined> {
    validateStreamName(stream);
    const items = (page: WirePage<string>) => page.consumers;
    yield* this.api.pages(`CONSUMER.NAMES.${stream}`, {}, items, { ...waitOf(options), stream });
  }

  private call<R extends object>(
    operation: string,
    stream: string,
    name: string,
    body: object | undefined,
    options: CallOptions,
  ): Promise<R> {
    validateStreamName(stream);
    validateConsumerName(name);
    const context = { ...waitOf(options), stream, consumer: name };
    return this.api.call<R>(`CONSUMER.${operation}.${stream}.${name}`, body, context);
  }
}

/** The code of "consumer create failed", which also stands for changes that an update cannot make. */
const CREATE_FAILED = 10012;

function mayBeOfOtherKind(error: unknown): boolean {
  if (error instanceof ConsumerExistsError) return true;
  return error instanceof JetStreamApiError && error.code === CREATE_FAILED;
}

interface WirePause {
  readonly paused: boolean;
  readonly pause_until?: string;
  readonly pause_remaining?: number;
}

interface WireReset extends WireConsumerInfo {
  readonly reset_seq: number;
}

/** One page of the consumers of a stream, which the server sorts by name. @param offset the number of those before it */
export async function consumerPage(
  api: JetStreamApi,
  stream: string,
  offset: number,
  options: CallOptions,
): Promise<ListPage<ConsumerInfo>> {
  validateStreamName(stream);
  const wait = { ...waitOf(options), stream };
  const page = await api.call<WirePage<WireConsumerInfo>>(`CONSUMER.LIST.${stream}`, { offset }, wait);
  return listPage(offset, (page.consumers ?? []).map(decodeConsumerInfo), page);
}

interface WirePage<T> extends WireListPage {
  readonly consumers?: readonly T[] | null;
}
