import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import {
  ConnectionClosedError,
  ConsumerNotFoundError,
  NoHeartbeatError,
  PullRequestRejectedError,
  StreamNotFoundError,
} from '../../errors/index.js';
import { provisionConsumer, PullLoop, type JetStreamMessage } from '../../jetstream/index.js';
import type { CompiledHandler } from '../compile/index.js';
import type { ConsumerPlan } from '../planning/index.js';
import type { AckInterceptor, SettlementPolicy } from '../settlement/index.js';
import { ConsumerRunner } from './consumer-runner.js';
import type { HandlerRunner } from './handler-runner.js';

const PULL_EXPIRY = 30_000;
/** Shorter than the Go client's default: a handler should notice within seconds that its consumer went silent. */
const PULL_HEARTBEAT = 5_000;
const FIRST_RETRY = 250;
const LONGEST_RETRY = 30_000;

/** Makes the compiled handler once the consumer's name is known. */
export type CompileConsumer = (policy: SettlementPolicy) => CompiledHandler<JetStreamMessage>;

/**
 * Runs one `@JsConsumer`: makes its consumer, keeps a pull loop on it, and makes both anew with backoff when the
 * consumer or its stream was deleted.
 */
export class ConsumerHandler implements HandlerRunner {
  readonly handler: string;
  private readonly logger = new Logger('JsConsumer');
  private runner: ConsumerRunner | undefined;
  private loop: PullLoop | undefined;
  private stopped = new AbortController();
  private remaking = false;

  constructor(
    private readonly plan: ConsumerPlan,
    private readonly compile: CompileConsumer,
    private readonly ack: AckInterceptor,
  ) {
    this.handler = plan.handler;
  }

  async start(): Promise<void> {
    const name = await this.provision();
    const policy: SettlementPolicy = { ...this.plan.policy, consumer: name };
    this.runner = new ConsumerRunner(
      { handler: this.compile(policy), ack: this.ack, policy },
      this.plan.running,
    );
    this.follow(this.runner, name);
    this.logger.log(`${this.handler} consumes "${name}" of stream "${this.plan.stream}"`);
  }

  async stop(timeout: number): Promise<void> {
    this.stopped.abort();
    const unfinished = (await this.runner?.stop(timeout)) ?? 0;
    if (unfinished > 0) {
      this.logger.warn(
        `${this.handler}: ${unfinished} messages unfinished after ${timeout} ms were given back`,
      );
    }
  }

  private async provision(): Promise<string> {
    const { connection, stream, config } = this.plan;
    const consumer = await provisionConsumer(connection.jetstream, stream, config, connection.provisioning);
    return consumer.name;
  }

  private follow(runner: ConsumerRunner, consumer: string): void {
    const { jetstream } = this.plan.connection;
    const { maxMessages } = this.plan.running;
    this.loop = new PullLoop(
      jetstream.connection,
      jetstream.requests,
      this.plan.stream,
      consumer,
      {
        maxMessages,
        thresholdMessages: Math.ceil(maxMessages / 2),
        maxBytes: 0,
        thresholdBytes: 0,
        limitBytesPerPull: false,
        expiry: PULL_EXPIRY,
        heartbeat: PULL_HEARTBEAT,
      },
      {
        onMessage: (message) => runner.onMessage(message),
        window: () => runner.window(),
        onError: (error) => this.onError(error, consumer),
        onEnd: (error) => this.onEnd(error),
      },
    );
    runner.follow(this.loop);
  }

  private onError(error: Error, consumer: string): void {
    this.logger.warn(`${this.handler}: ${error.message}`);
    const isSilence = error instanceof NoHeartbeatError;
    if (isSilence || (error instanceof PullRequestRejectedError && error.status === 503))
      void this.verify(consumer);
  }

  private onEnd(error: Error | undefined): void {
    if (this.stopped.signal.aborted || error === undefined) return;
    this.logger.error(`${this.handler}: ${error.message}`);
    if (!(error instanceof ConnectionClosedError)) void this.remake();
  }

  /** Silence may mean that the consumer is gone, without anyone having said so. */
  private async verify(consumer: string): Promise<void> {
    try {
      await this.plan.connection.jetstream.consumer(this.plan.stream, consumer);
    } catch (error) {
      if (!(error instanceof ConsumerNotFoundError || error instanceof StreamNotFoundError)) return;
      if (this.stopped.signal.aborted) return;
      this.logger.error(`${this.handler}: ${error.message}`);
      this.loop?.stop();
      await this.remake();
    }
  }

  private async remake(): Promise<void> {
    if (this.remaking || this.runner === undefined) return;
    this.remaking = true;
    const { signal } = this.stopped;
    for (let wait = FIRST_RETRY; !signal.aborted; wait = Math.min(wait * 2, LONGEST_RETRY)) {
      try {
        const name = await this.provision();
        if (signal.aborted) break;
        this.follow(this.runner, name);
        this.logger.log(`${this.handler} consumes "${name}" of stream "${this.plan.stream}" again`);
        break;
      } catch (error) {
        this.logger.warn(
          `${this.handler}: no consumer yet, next try in ${wait} ms: ${(error as Error).message}`,
        );
        await delay(wait, undefined, { signal }).catch(() => undefined);
      }
    }
    this.remaking = false;
  }
}
