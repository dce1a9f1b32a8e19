import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { ConnectionClosedError } from '../../errors/index.js';
import type { JetStreamEvents } from '../events/index.js';
import { isAcknowledged, type ConsumerSource } from '../planning/index.js';
import { prepareConsumer, type ReadyConsumer } from './consumer-receiver.js';
import type { MessageRunner } from './consumer-runner.js';
import type { HandlerRunner, HandlerState, HandlerStatus } from './handler-runner.js';

const FIRST_RETRY = 250;
const LONGEST_RETRY = 30_000;

/** Tells a handler whether its circuit breaker is open. */
export type OnCircuit = (open: boolean) => void;

/** Makes the runner once the consumer's name is known. */
export type MakeRunner = (consumer: string, onCircuit: OnCircuit) => MessageRunner;

/**
 * Runs one consumer handler: makes its consumer, keeps a loop on it, and makes both anew with backoff when the consumer
 * or its stream was deleted.
 */
export class ConsumerHandler implements HandlerRunner {
  private readonly logger = new Logger('JsConsumer');
  private status: HandlerStatus = 'starting';
  private consumer = '';
  private runner: MessageRunner | undefined;
  private aborted = new AbortController();
  private circuitOpen = false;
  /** The last stream sequence that came, where the consumer is ordered. */
  private lastSequence = 0;

  constructor(
    private readonly source: ConsumerSource,
    private readonly makeRunner: MakeRunner,
    private readonly events: JetStreamEvents,
  ) {}

  get state(): HandlerState {
    const { source, runner, status, consumer, circuitOpen } = this;
    return {
      handler: source.handler,
      kind: 'consumer',
      connection: source.connection.name,
      source: source.stream,
      consumer,
      status,
      handled: runner?.handled ?? 0,
      failed: runner?.failed ?? 0,
      running: runner?.running ?? 0,
      waiting: runner?.waiting ?? 0,
      circuitOpen,
    };
  }

  async start(): Promise<void> {
    const begin = await this.prepare();
    begin();
  }

  async prepare(): Promise<() => void> {
    const { signal } = (this.aborted = new AbortController());
    this.lastSequence = 0;
    const ready = await prepareConsumer(this.source, 0);
    return () => {
      // Stopped meanwhile.
      if (signal.aborted) return;
      this.runner = this.makeRunner(ready.name, (open) => this.onCircuit(open));
      this.follow(ready);
      this.logger.log(`${this.source.handler} consumes ${this.name}`);
    };
  }

  async pause(): Promise<void> {
    if (this.status !== 'running' && this.status !== 'recovering') return;
    this.status = 'paused';
    this.aborted.abort();
    await this.runner?.pause();
  }

  async resume(): Promise<void> {
    if (this.status !== 'paused') return;
    const { signal } = (this.aborted = new AbortController());
    const ready = await prepareConsumer(this.source, this.lastSequence);
    if (!signal.aborted) this.follow(ready);
  }

  async idle(): Promise<void> {
    await this.runner?.idle();
  }

  async stop(timeout: number): Promise<void> {
    this.status = 'stopped';
    this.aborted.abort();
    const unfinished = (await this.runner?.stop(timeout)) ?? 0;
    if (unfinished > 0) {
      const { handler, delivery } = this.source;
      const fate = isAcknowledged(delivery) ? 'were given back' : 'do not come again';
      this.logger.warn(`${handler}: ${unfinished} messages unfinished after ${timeout} ms ${fate}`);
    }
  }

  private get name(): string {
    return `"${this.consumer}" of stream "${this.source.stream}"`;
  }

  private follow(ready: ReadyConsumer): void {
    const { runner } = this;
    if (!runner) return;
    const { signal } = this.aborted;
    this.consumer = ready.name;
    this.status = 'running';
    const loop = ready.open({
      onMessage:
        this.source.delivery.mode === 'ordered'
          ? (message) => {
              this.lastSequence = message.metadata.streamSequence;
              runner.onMessage(message);
            }
          : (message) => runner.onMessage(message),
      window: () => runner.window(),
      slots: runner.slots,
      onError: (error) => {
        this.logger.warn(`${this.source.handler}: ${error.message}`);
        this.emit({ type: 'handler-interrupted', error });
      },
      onEnd: (error) => {
        if (error && !signal.aborted) void this.onEnd(error, signal);
      },
    });
    runner.follow(loop);
  }

  private async onEnd(error: Error, signal: AbortSignal): Promise<void> {
    this.logger.error(`${this.source.handler}: ${error.message}`);
    // The connection is gone for good, and has been reported: nothing can be made anew.
    if (error instanceof ConnectionClosedError) return;
    this.status = 'recovering';
    this.emit({ type: 'consumer-lost', error });
    for (let wait = FIRST_RETRY; !signal.aborted; wait = Math.min(wait * 2, LONGEST_RETRY)) {
      try {
        const ready = await prepareConsumer(this.source, this.lastSequence);
        if (signal.aborted) return;
        this.follow(ready);
        this.logger.log(`${this.source.handler} consumes ${this.name} again`);
        this.emit({ type: 'consumer-recovered' });
        return;
      } catch (failure) {
        const words = (failure as Error).message;
        this.logger.warn(`${this.source.handler}: no consumer yet, next try in ${wait} ms: ${words}`);
        await delay(wait, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  private onCircuit(open: boolean): void {
    this.circuitOpen = open;
    const { handler } = this.source;
    if (open) this.logger.error(`${handler}: too much fails: its circuit is open, it takes a rest`);
    else this.logger.log(`${handler}: its circuit is closed, it goes on`);
    this.emit({ type: open ? 'circuit-opened' : 'circuit-closed' });
  }

  private emit(
    event:
      | { readonly type: 'consumer-lost' | 'handler-interrupted'; readonly error: Error }
      | { readonly type: 'consumer-recovered' | 'circuit-opened' | 'circuit-closed' },
  ): void {
    const { connection, handler, stream } = this.source;
    this.events.emit({ ...event, connection: connection.name, time: new Date(), handler, source: stream });
  }
}
