import { types } from 'node:util';
import { type CallTable, listing, waiting } from '../../connection/index.js';
import {
  DeadLetterNotFoundError,
  HandlerNotRunningError,
  InvalidArgumentError,
  MessageNotFoundError,
  ReplayFailedError,
} from '../../errors/index.js';
import { OperationObserver } from '../../instruments/index.js';
import {
  CALL_OPTIONS,
  type CallOptions,
  inSteps,
  type JetStreamService,
  type PubAck,
  waitOf,
} from '../../jetstream/index.js';
import { errorText, propertyOf, shown, toError } from '../../reporting/index.js';
import { throwIfAborted } from '../../user-code/index.js';
import { checkWholeNumber, oneOf, optionsCheck, requireValue } from '../../validation/index.js';
import { finalResult } from '../results/index.js';
import { checkFilter, type DeadLetterFilter, subjectsOf } from './dead-letter-filter.js';
import { DEAD_LETTER_STREAM } from './dead-letter-headers.js';
import { readDeadLetters, readNewest } from './dead-letter-reader.js';
import { DeadLetter } from './dead-letter.js';
import type { LocalHandlers } from './local-handlers.js';
import { Originals } from './originals.js';
import { checkEdited, type EditedMessage, ReplayPublisher } from './replay-publisher.js';
import { ReplayedMessage } from './replayed-message.js';

/** Selects a page of a list. */
export interface DeadLetterPageOptions extends CallOptions {
  /** The maximum number of dead letters. Default 100. */
  readonly limit?: number | undefined;
  /**
   * Only dead letters that follow this sequence in the order of the list: the `next` of the previous page. Default: starts
   * with the first one of that order.
   */
  readonly after?: number | undefined;
  /** The order of the list. Default `oldest`: the oldest first. */
  readonly order?: 'oldest' | 'newest' | undefined;
}

const checkPageOptions = optionsCheck<DeadLetterPageOptions>('page', {
  ...CALL_OPTIONS,
  after: true,
  limit: true,
  order: true,
});

/** A page has payloads of up to about this size, in bytes. */
const MOST_BYTES = 8_388_608;
const ORDER = oneOf(['oldest', 'newest']);

/** A page of a list of dead letters. */
export interface DeadLetterPage {
  readonly letters: readonly DeadLetter[];
  /** The value of `after` for the next page; `undefined` if this is the last page. */
  readonly next: number | undefined;
}

/** Options of a replay. */
export interface ReplayOptions extends CallOptions {
  /**
   * - `subject`: the message is published again to its original subject. All consumers of the stream receive it,
   *   including those that have already handled it. The default.
   * - `handler`: only the handler that failed is called with it, in this process.
   */
  readonly to?: 'subject' | 'handler' | undefined;
}

const checkReplayOptions = optionsCheck<ReplayOptions>('replay', { ...CALL_OPTIONS, to: true });

/** The result of replaying several dead letters. */
export interface ReplayResult {
  /** The number of replayed dead letters. */
  readonly replayed: number;
  /** The dead letters that could not be replayed; they are kept. */
  readonly failed: readonly { readonly letter: DeadLetter; readonly error: Error }[];
}

/**
 * The dead letters of one connection: lists, reads, replays and drops them.
 *
 * All methods throw {@link StreamNotFoundError} if there is no dead-letter stream: it is created at the first startup
 * of an application with a handler that has `deadLetter`, or with `@OnDeadLetter`. All have the options
 * {@link CallOptions}: `timeout` and `signal`.
 */
export class DeadLetters {
  private readonly originals: Originals;
  private readonly publisher: ReplayPublisher;
  private readonly replays: OperationObserver;

  /** @internal Created by the module. */
  constructor(
    private readonly jetstream: JetStreamService,
    /** @internal The handlers of the microservice transport are added to it. */
    readonly handlers: LocalHandlers,
  ) {
    this.originals = new Originals(jetstream);
    this.publisher = new ReplayPublisher(jetstream);
    const { instruments, name } = jetstream.connection;
    this.replays = new OperationObserver(instruments, { kind: 'replay', connection: name });
  }

  /**
   * Lists the dead letters that exist now, the oldest first. They are read while the caller iterates; the `timeout`
   * applies to each page.
   *
   * @throws {@link InvalidArgumentError}, {@link InvalidSubjectError} if the filter is invalid
   */
  async *list(
    filter: DeadLetterFilter = {},
    options: CallOptions = {},
  ): AsyncGenerator<DeadLetter, void, undefined> {
    yield* readDeadLetters(this.jetstream, filter, 0, waitOf(options));
  }

  /**
   * Reads one page of {@link list}; with `order: 'newest'`, the newest first.
   *
   * A page has up to about 8 MiB, and a page of the newest reads up to about 2,000 messages (500 before nats-server 2.11). It may
   * therefore be shorter than `limit`, or empty, and have a `next`. The server selects by `stream` and `consumer`, so these skip what does not match without reading it.
   *
   * @throws {@link InvalidArgumentError}, {@link InvalidSubjectError}
   */
  async page(filter: DeadLetterFilter = {}, options: DeadLetterPageOptions = {}): Promise<DeadLetterPage> {
    const { limit = 100, after = 0, order = 'oldest', timeout, signal } = checkPageOptions(options);
    checkWholeNumber('limit', limit, 1);
    checkWholeNumber('after', after, 0);
    requireValue('order', order, ORDER);
    return inSteps({ timeout, signal }, async (left) => {
      if (order === 'newest') return readNewest(this.jetstream, filter, { after, limit }, left);
      const letters: DeadLetter[] = [];
      let bytes = 0;
      for await (const letter of readDeadLetters(this.jetstream, filter, after, left)) {
        bytes += letter.data.length;
        // One more dead letter than fits was found, so there is a next page.
        const isFull = letters.length === limit || (letters.length > 0 && bytes > MOST_BYTES);
        if (isFull) return { letters, next: letters.at(-1)?.sequence };
        letters.push(letter);
      }
      return { letters, next: undefined };
    });
  }

  /** Reads one dead letter. @throws {@link DeadLetterNotFoundError} */
  async get(sequence: number, options: CallOptions = {}): Promise<DeadLetter> {
    checkWholeNumber('sequence', sequence, 1);
    return inSteps(options, async (left) => {
      const stream = await this.jetstream.stream(DEAD_LETTER_STREAM, left);
      const message = await stream.getMessage(sequence, left).catch(letterNotFound(sequence));
      const letter = DeadLetter.from(message);
      if (!letter) throw new DeadLetterNotFoundError(sequence);
      return letter;
    });
  }

  /**
   * Handles a message again, and drops the dead letter if this succeeds.
   *
   * With `to: 'subject'`, the message is published with its payload, its headers (except those of the server, which
   * begin with `Nats-`) and a header `Dead-Letter-Replay` with the dead letter's sequence. Replaying it twice within
   * the stream's duplicates window publishes it once. With `to: 'handler'`, the handler is called with its guards,
   * pipes, interceptors and filters, independently of the messages of its consumer, so its `concurrency` and order do
   * not apply; the message is not retried.
   *
   * A dead letter that was stored without its payload ({@link DeadLetter.omittedPayloadSize}) is completed from the
   * stream of its original. If the original is so large that the added headers do not fit, it is published without
   * them.
   *
   * The `timeout` includes the time of the handler, but does not end it. If the signal is aborted, the message may have
   * been handled although the dead letter is kept.
   *
   * @throws {@link DeadLetterNotFoundError}, {@link DeadLetterPayloadGoneError}
   * @throws {@link HandlerNotRunningError}, {@link ReplayFailedError} with `to: 'handler'`
   * @throws {@link ReplayRefusedError} with `to: 'subject'`, if the subject begins with `$` or has wildcards
   * @throws the errors of {@link JetStreamService.publish}, with `to: 'subject'`
   */
  async replay(letter: number | DeadLetter, options: ReplayOptions = {}): Promise<void> {
    const { to = 'subject', timeout, signal } = checkReplayOptions(options);
    if (to !== 'subject' && to !== 'handler') {
      throw new InvalidArgumentError('to', `${shown(to)} is neither "subject" nor "handler"`);
    }
    await inSteps({ timeout, signal }, async (left) => {
      const found = await this.current(letter, left);
      const complete = await this.originals.complete(found, left);
      const { subject: target } = found;
      await this.replays.around(
        { target },
        (operation): Promise<PubAck | undefined> =>
          to === 'handler'
            ? this.handle(complete)
            : this.publisher.publish(complete, undefined, left, operation),
        (ack) => ack ?? {},
      );
      await this.removeIfThere(found, left);
    });
  }

  /**
   * Publishes a message with a changed payload to the subject of the original, and drops the dead letter if this succeeds.
   * The message has a header `Dead-Letter-Replay` with the dead letter's sequence. Sending the same change twice within
   * the stream's duplicates window publishes it once.
   *
   * @returns the acknowledgement of the published message
   * @throws {@link InvalidArgumentError} if `data` is not bytes, or a header begins with `Nats-`
   * @throws {@link DeadLetterNotFoundError}
   * @throws {@link ReplayRefusedError} if the subject of the original begins with `$` or has wildcards
   * @throws the errors of {@link JetStreamService.publish}
   */
  async replayEdited(
    letter: number | DeadLetter,
    edited: EditedMessage,
    options: CallOptions = {},
  ): Promise<PubAck> {
    const message = checkEdited(edited);
    return inSteps(options, async (left) => {
      const found = await this.current(letter, left);
      const { subject: target } = found;
      const ack = await this.replays.around(
        { target },
        (operation) => this.publisher.publish(found, message, left, operation),
        (result) => result,
      );
      await this.removeIfThere(found, left);
      return ack;
    });
  }

  /**
   * Replays the dead letters that exist now, one after another. If one fails, it is kept, and the others are still
   * replayed. The `timeout` applies to each of them.
   *
   * @throws {@link InvalidArgumentError}, {@link InvalidSubjectError} if the filter is invalid
   * @throws the reason of `signal` when it is aborted: no more dead letters are replayed
   */
  async replayAll(filter: DeadLetterFilter, options: ReplayOptions = {}): Promise<ReplayResult> {
    checkFilter(filter);
    const { timeout, signal } = checkReplayOptions(options);
    let replayed = 0;
    const failed: { letter: DeadLetter; error: Error }[] = [];
    for await (const letter of this.list(filter, { timeout, signal })) {
      try {
        await this.replay(letter, options);
        replayed++;
      } catch (error) {
        throwIfAborted(signal);
        failed.push({ letter, error: toError(error) });
      }
    }
    return { replayed, failed };
  }

  /** Removes one dead letter permanently. @throws {@link DeadLetterNotFoundError} */
  async drop(letter: number | DeadLetter, options: CallOptions = {}): Promise<void> {
    await inSteps(options, async (left) => this.remove(await this.current(letter, left), left));
  }

  /**
   * Permanently removes all existing dead letters that match the filter; `{}` matches all. The `timeout` applies to each
   * request.
   *
   * @returns the number of removed dead letters
   * @throws {@link InvalidArgumentError}, {@link InvalidSubjectError} if the filter is invalid
   */
  async dropAll(filter: DeadLetterFilter, options: CallOptions = {}): Promise<number> {
    const wait = waitOf(options);
    const { stream: _, consumer: __, ...rest } = checkFilter(filter);
    if (Object.values(rest).every((value) => value === undefined)) {
      const stream = await this.jetstream.stream(DEAD_LETTER_STREAM, wait);
      return stream.purge({ ...wait, subject: subjectsOf(filter) });
    }
    let dropped = 0;
    for await (const letter of this.list(filter, wait)) {
      if (await this.removeIfThere(letter, wait)) dropped++;
    }
    return dropped;
  }

  /**
   * Reads the dead letter as it is stored. A dead letter of an earlier incarnation of the dead-letter stream is not
   * found, even if its sequence is in use again.
   */
  private async current(letter: number | DeadLetter, options: CallOptions): Promise<DeadLetter> {
    const sequence = sequenceOf(letter);
    const found = await this.get(sequence, options);
    const time = typeof letter === 'number' ? undefined : propertyOf(letter, 'time');
    if (types.isDate(time) && time.getTime() !== found.time.getTime()) {
      throw new DeadLetterNotFoundError(sequence);
    }
    return found;
  }

  private async remove(letter: DeadLetter, options: CallOptions): Promise<void> {
    const { sequence } = letter;
    const stream = await this.jetstream.stream(DEAD_LETTER_STREAM, options);
    await stream.deleteMessage(sequence, options).catch(letterNotFound(sequence));
    await this.originals.release(letter, options);
  }

  /** Returns `false` if the dead letter had already been removed. */
  private async removeIfThere(letter: DeadLetter, options: CallOptions): Promise<boolean> {
    try {
      await this.remove(letter, options);
      return true;
    } catch (error) {
      if (error instanceof DeadLetterNotFoundError) return false;
      throw error;
    }
  }

  private async handle(letter: DeadLetter): Promise<undefined> {
    const { stream, consumer, handler, subject, sequence } = letter;
    const local = this.handlers.find(stream, consumer, subject);
    if (!local) throw new HandlerNotRunningError(handler, stream, consumer);
    const message = new ReplayedMessage(letter, this.jetstream.requests);
    try {
      await finalResult(local.unsettled(message));
    } catch (error) {
      const words = errorText(error);
      throw new ReplayFailedError(sequence, local.policy.handler, words, { cause: error });
    }
    const { settledWith = local.policy.ackMode === 'manual' ? 'nothing' : 'ack' } = message;
    if (settledWith !== 'ack') {
      throw new ReplayFailedError(
        sequence,
        local.policy.handler,
        `the handler settled the message with ${settledWith}`,
      );
    }
  }
}

/** How the methods behave before the connection is open. */
export const DEAD_LETTER_CALLS: CallTable<DeadLetters> = {
  list: listing(1),
  page: waiting(1),
  get: waiting(1),
  replay: waiting(1),
  replayEdited: waiting(2),
  replayAll: waiting(1),
  drop: waiting(1),
  dropAll: waiting(1),
};

/** @throws {@link InvalidArgumentError} */
function sequenceOf(letter: number | DeadLetter): number {
  const sequence = typeof letter === 'number' ? letter : propertyOf(letter, 'sequence');
  checkWholeNumber('letter', sequence, 1);
  return Number(sequence);
}

/** Handles the error of reading or deleting a dead letter. */
function letterNotFound(sequence: number): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof MessageNotFoundError)) throw error;
    throw new DeadLetterNotFoundError(sequence, { cause: error });
  };
}
