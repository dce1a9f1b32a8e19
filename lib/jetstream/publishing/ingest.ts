import { Logger } from '@nestjs/common';
import type { JetStreamConnection } from '../../connection/index.js';
import {
  ConnectionClosedError,
  IngestInterruptedError,
  InvalidArgumentError,
  PublishTimeoutError,
} from '../../errors/index.js';
import type { RunningOperation } from '../../instruments/index.js';
import { shown, toError } from '../../reporting/index.js';
import { untilAborted, within } from '../../timing/index.js';
import {
  abortError,
  checkedIterable,
  onAbort,
  openIterator,
  throwIfAborted,
  UserCalls,
  type UserIterator,
} from '../../user-code/index.js';
import { checkFunction, checkObject, checkWholeNumber } from '../../validation/index.js';
import { IngestChannel } from './ingest-channel.js';
import type { IngestMessage, IngestOptions, IngestResult } from './ingest-options.js';
import { checkIngestMessage } from './known-options.js';
import type { MessageEncoder } from './message-encoder.js';
import type { Delivery } from './publication.js';

/** How long an aborted ingest waits for the number of stored messages, in milliseconds. */
const LAST_WAIT = 100;

/** The source of an ingest. */
export type IngestSource = Iterable<IngestMessage> | AsyncIterable<IngestMessage>;

/**
 * One ingest (nats-server 2.14, ADR-50): messages are numbered and sent without waiting for each. The server
 * acknowledges many at a time and decides how many, so that all ingests together run at the rate that it can sustain.
 */
export class Ingest {
  private readonly calls = new UserCalls(new Logger('Publisher'));
  private channel: IngestChannel | undefined;
  private onFailure: ((error: Error) => void) | undefined;

  constructor(
    private readonly connection: JetStreamConnection,
    private readonly encoder: MessageEncoder,
    private readonly delivery: Delivery,
    private readonly options: IngestOptions,
    private readonly operation?: RunningOperation,
  ) {
    connection.require('An ingest', '2.14.0');
    for (const listener of ['onGap', 'onRefused'] as const) {
      if (options[listener] !== undefined) checkFunction(listener, options[listener]);
    }
    for (const count of ['ackInterval', 'maxOutstandingAcks'] as const) {
      const value = options[count];
      if (value !== undefined) checkWholeNumber(count, value, 1);
    }
  }

  async run(source: IngestSource): Promise<IngestResult> {
    try {
      await this.load(source);
      const { channel } = this;
      if (!channel) return { count: 0, ack: undefined };
      const ack = await untilAborted(this.options.signal, channel.finish());
      if (channel.interruption) throw channel.interruption;
      return { count: channel.sent, ack };
    } catch (thrown) {
      throw this.channel ? await this.interrupted(this.channel, toError(thrown)) : thrown;
    } finally {
      this.channel?.close();
    }
  }

  private async load(source: IngestSource): Promise<void> {
    const given: unknown = source;
    if (typeof given !== 'object' || given === null || ArrayBuffer.isView(given)) {
      throw new InvalidArgumentError('source', `${shown(given)} is not an iterable of messages`);
    }
    throwIfAborted(this.options.signal);
    checkObject('source', source);
    if (Symbol.asyncIterator in source) {
      await this.loadSlowly(openIterator(source, 'source'));
    } else if (Symbol.iterator in source) {
      // Not every message is awaited, because that would cost a system call for each.
      for (const message of checkedIterable(source, 'source')) {
        const channel = this.add(message);
        if (!channel.hasRoom) await this.room(channel);
      }
    } else {
      throw new InvalidArgumentError('source', 'it is neither an iterable nor an asynchronous iterable');
    }
    if (this.channel?.interruption) throw this.channel.interruption;
  }

  /** The source may never produce its next message, so a failure of the ingest must interrupt the wait. */
  private async loadSlowly(source: UserIterator<IngestMessage>): Promise<void> {
    const { connection } = this;
    const { signal } = this.options;
    let interrupt: (error: unknown) => void = () => undefined;
    const callOff = signal && onAbort(signal, (reason) => interrupt(reason));
    this.onFailure = (error) => interrupt(error);
    const forget = connection.listen({
      onClose: (cause) => interrupt(new ConnectionClosedError(connection.name, { cause })),
    });
    let isOver = false;
    try {
      for (;;) {
        const result = await new Promise<IteratorResult<IngestMessage, unknown>>((resolve, reject) => {
          interrupt = reject;
          if (connection.nc.isClosed()) throw new ConnectionClosedError(connection.name);
          source.next().then(resolve, reject);
        });
        const { done } = result;
        isOver = done === true;
        if (done) return;
        const channel = this.add(result.value);
        if (!channel.hasRoom) await this.room(channel);
      }
    } finally {
      forget();
      callOff?.();
      // The source is closed without waiting, because it may hang.
      if (!isOver) this.calls.call('Closing the source of an ingest', () => source.close());
    }
  }

  private add(message: IngestMessage): IngestChannel {
    throwIfAborted(this.options.signal);
    const encoded = this.encoder.encode(checkIngestMessage(message), message, false, this.operation);
    if (this.channel) this.channel.send(encoded);
    else {
      this.channel = new IngestChannel(this.connection, encoded, this.options, this.delivery);
      this.channel.onFailure = this.onFailure;
    }
    return this.channel;
  }

  private async room(channel: IngestChannel): Promise<void> {
    await untilAborted(this.options.signal, channel.room());
    throwIfAborted(this.options.signal);
    if (channel.interruption) throw channel.interruption;
  }

  /** Determines how many messages are stored, if the server can still report it. */
  private async interrupted(channel: IngestChannel, cause: Error): Promise<Error> {
    const { subject } = channel.first;
    if (cause === channel.failure) {
      // Without an answer, the first messages may be stored; otherwise the ingest was refused as a whole.
      if (!channel.started && !(cause instanceof PublishTimeoutError)) return cause;
      return new IngestInterruptedError(subject, channel.processed, false, { cause });
    }
    const finished = channel.finish().catch(() => undefined);
    // A caller who aborts does not want to wait for a server that does not respond.
    const isAborted = abortError(this.options.signal) !== undefined;
    const ack = !isAborted || (await within(LAST_WAIT, finished)) ? await finished : undefined;
    if (ack === undefined) return new IngestInterruptedError(subject, channel.processed, false, { cause });
    return new IngestInterruptedError(subject, ack.batchSize ?? 0, !this.options.allowGaps, { cause });
  }
}
