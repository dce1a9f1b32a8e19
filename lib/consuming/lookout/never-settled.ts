import { Logger } from '@nestjs/common';
import { MessageNotFoundError, NoRespondersError, PayloadTooLargeError } from '../../errors/index.js';
import {
  type Consumption,
  type JetStreamMessage,
  provisionConsumer,
  type StoredMessage,
} from '../../jetstream/index.js';
import { errorText, toError } from '../../reporting/index.js';
import { Backoff, sleep, within } from '../../timing/index.js';
import type { DeadLetterPublisher } from '../dead-letters/index.js';
import { DeadLetterReason } from '../settlement/index.js';
import {
  advisorySubject,
  type DeadLetterConnection,
  provisionAdvisoryStream,
} from './dead-letter-streams.js';

/** The consumer whose messages are watched. */
export interface WatchedConsumer {
  /** The class and method of its handler. */
  readonly handler: string;
  readonly stream: string;
  readonly consumer: string;
  /** Whether each message is settled individually (`ackPolicy` explicit). */
  readonly explicit: boolean;
}

/** The server's advisory about a message that used up its deliveries. */
interface Advisory {
  /** When the server sent the advisory. */
  readonly timestamp?: string;
  readonly stream_seq: number;
  readonly deliveries: number;
}

const ACK_WAIT = 30_000;
/** How long advisories in flight may take at shutdown, in milliseconds. */
const LONGEST_DRAIN = 2_000;
const FIRST_RETRY = 1_000;
const LONGEST_RETRY = 30_000;
/** The number of advisories requested at a time. */
const PULL = 16;

/**
 * Stores dead letters for messages that used up their deliveries without ever being settled, because their process
 * ended each time or did not respond within `ackWait`. The only notice is an advisory of the server. A stream keeps it
 * until an instance processes it, now or later.
 */
export class NeverSettled {
  private readonly logger = new Logger('DeadLetters');
  private readonly stopped = new AbortController();
  private readonly backoff = new Backoff({ first: FIRST_RETRY, longest: LONGEST_RETRY });
  private consumption: Consumption | undefined;
  /** Removes the listener that ends the watch when the connection is closed for good. */
  private readonly forget: () => void;

  constructor(
    private readonly connection: DeadLetterConnection,
    private readonly deadLetters: DeadLetterPublisher,
    private readonly replicas: number,
    private readonly watched: WatchedConsumer,
  ) {
    this.forget = connection.jetstream.connection.listen({ onClose: () => this.stopped.abort() });
  }

  /** Must be called before the consumer is created, so that no advisory is missed. */
  async start(): Promise<void> {
    const { stream, consumer, handler } = this.watched;
    const subject = advisorySubject(stream, consumer);
    const advisories = await provisionAdvisoryStream(this.connection, this.replicas, subject);
    const found = await provisionConsumer(
      this.connection.jetstream,
      advisories,
      {
        durable: `${encode(consumer)}@${encode(stream)}`,
        description: `Dead letters of messages that ${handler} never settled`,
        filterSubject: subject,
        deliverPolicy: 'new',
        ackWait: ACK_WAIT,
      },
      this.connection.provisioning,
    );
    if (this.stopped.signal.aborted) return;
    this.consumption = found.consume((message) => this.handle(message), {
      maxMessages: PULL,
      // The handler reports that its connection is closed.
      onError: (error) => {
        if (!this.isClosed) {
          this.logger.warn(
            `${handler}: advisories of messages that were never settled are interrupted and continue by themselves: ${error.message}`,
          );
        }
      },
    });
    void this.consumption.closed.then((error) => this.restart(error));
  }

  async stop(): Promise<void> {
    this.stopped.abort();
    this.forget();
    const { consumption } = this;
    // An unresponsive server must not delay the shutdown of the application.
    if (consumption && !(await within(LONGEST_DRAIN, consumption.drain()))) void consumption.stop();
  }

  /** Whether the connection is closed for good. */
  private get isClosed(): boolean {
    return this.connection.jetstream.connection.nc.isClosed();
  }

  private async handle(message: JetStreamMessage): Promise<void> {
    try {
      await this.keep(message.json<Advisory>());
      message.ack();
    } catch (error) {
      this.logger.error(
        `${this.watched.handler}: a message that was never settled could not be stored as a dead letter yet: ${errorText(error)}`,
      );
      message.nak(
        Math.min(FIRST_RETRY * 2 ** Math.min(message.metadata.deliveryCount - 1, 10), LONGEST_RETRY),
      );
    }
  }

  private async keep({ timestamp, stream_seq: sequence, deliveries }: Advisory): Promise<void> {
    const { stream, consumer, handler, explicit } = this.watched;
    const what = `${handler}: a message (stream ${stream}, sequence ${sequence}, consumer ${consumer})`;
    const original = await this.find(sequence);
    // The stream was deleted and created again since: its message with this sequence was stored after the advisory.
    if (!original || (timestamp !== undefined && original.time > new Date(timestamp))) {
      this.logger.warn(
        `${what} was never settled in ${deliveries} deliveries, and is no longer in its stream`,
      );
      return;
    }
    this.logger.error(
      `${what} was never settled in ${deliveries} deliveries: its process crashed, its handler took longer than ackWait, or its settlement did not settle it`,
    );
    try {
      const { needsOriginal } = await this.deadLetters.store({
        stream,
        consumer,
        subject: original.subject,
        sequence,
        published: original.time,
        deliveries,
        handler,
        reason: DeadLetterReason.NeverSettled,
        error: '',
        data: original.data,
        headers: original.headers,
        rawHeaders: original.rawHeaders,
        isAcknowledged: !explicit,
      });
      if (needsOriginal) return;
    } catch (error) {
      if (!(error instanceof PayloadTooLargeError)) throw error;
      this.logger.error(`${what} stays in its stream: ${error.message}`);
      return;
    }
    await this.terminate(sequence);
  }

  private async find(sequence: number): Promise<StoredMessage | undefined> {
    const stream = await this.connection.jetstream.stream(this.watched.stream);
    return stream.getMessage(sequence).catch((error: unknown) => {
      if (error instanceof MessageNotFoundError) return undefined;
      throw error;
    });
  }

  /**
   * Terminates the message for its consumer, as its handler would have done. Otherwise a stream whose retention depends
   * on acknowledgements would keep it forever, and deleting it would remove it for other consumers too.
   *
   * The delivery has ended, but the server only considers the sequence in the stream (ADR-15).
   */
  private async terminate(sequence: number): Promise<void> {
    const { stream, consumer, explicit } = this.watched;
    // If one acknowledgement settles all messages before it, acknowledgements of later messages settle this one too.
    if (!explicit) return;
    await this.connection.jetstream.requests
      .request(`$JS.ACK.${stream}.${consumer}.1.${sequence}.0.0.0`, '+TERM')
      .catch((error: unknown) => {
        // The consumer was deleted, and with it the pending message.
        if (!(error instanceof NoRespondersError)) throw error;
      });
  }

  /** Creates the consumer of advisories and their stream again after they were deleted. */
  private async restart(cause: Error | undefined): Promise<void> {
    const { signal } = this.stopped;
    let error: unknown = cause;
    while (error !== undefined && !signal.aborted && !this.isClosed) {
      const wait = this.backoff.next();
      this.logger.warn(
        `${this.watched.handler}: cannot yet receive advisories of messages that were never settled, retrying in ${wait} ms: ${errorText(error)}`,
      );
      await sleep(wait, signal);
      if (signal.aborted) return;
      error = await this.start().then(
        () => this.backoff.succeeded(),
        (failure: unknown) => toError(failure),
      );
    }
  }
}

/** Encodes a part of a consumer's name so that it does not contain `@`. */
function encode(name: string): string {
  return name.replace(/[%@]/g, encodeURIComponent);
}
