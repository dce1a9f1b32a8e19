import { types } from 'node:util';
import {
  DeadLetterNotFoundError,
  HandlerNotRunningError,
  InvalidArgumentError,
  MessageNotFoundError,
  ReplayFailedError,
  ReplayRefusedError,
} from '../../errors/index.js';
import type { JetStreamService } from '../../jetstream/index.js';
import { errorText, propertyOf, shown, toError } from '../../reporting/index.js';
import { checkWholeNumber, isReplyAllowed, optionsCheck } from '../../validation/index.js';
import { finalResult } from '../results/index.js';
import { checkFilter, type DeadLetterFilter, subjectsOf } from './dead-letter-filter.js';
import { DEAD_LETTER_STREAM, REPLAY_HEADER } from './dead-letter-headers.js';
import { readDeadLetters } from './dead-letter-reader.js';
import { DeadLetter } from './dead-letter.js';
import type { LocalHandlers } from './local-handlers.js';
import { isTooLarge } from './omitted-payload.js';
import { Originals } from './originals.js';
import { ReplayedMessage } from './replayed-message.js';

/** Which part of a list. */
export interface DeadLetterPageOptions {
  /** How many at the most. Default 100. */
  readonly limit?: number | undefined;
  /** Only dead letters after this sequence: the `next` of the page before. Default: from the first on. */
  readonly after?: number | undefined;
}

const checkPageOptions = optionsCheck<DeadLetterPageOptions>('page', { after: true, limit: true });

/** A part of a list of dead letters. */
export interface DeadLetterPage {
  readonly letters: readonly DeadLetter[];
  /** What to give as `after` for the next page; `undefined` where there is none. */
  readonly next: number | undefined;
}

/** Where a dead letter is replayed to. */
export interface ReplayOptions {
  /**
   * - `subject`: it is published anew to its original subject. All consumers of the stream get it, those too that have
   *   handled it. The default.
   * - `handler`: the handler that failed is called with it, in this process, and nobody else gets it.
   */
  readonly to?: 'subject' | 'handler' | undefined;
}

const checkReplayOptions = optionsCheck<ReplayOptions>('replay', { to: true });

/** What came of replaying several dead letters. */
export interface ReplayResult {
  /** How many were replayed. */
  readonly replayed: number;
  /** Those that were not; they are still there. */
  readonly failed: readonly { readonly letter: DeadLetter; readonly error: Error }[];
}

/**
 * The dead letters of one connection: lists, reads, replays and drops them.
 *
 * All methods throw {@link StreamNotFoundError} where there is no dead-letter stream: it is made at the first boot of an
 * application with a handler that has `deadLetter`, or with `@OnDeadLetter`.
 */
export class DeadLetters {
  private readonly originals: Originals;

  /** @internal Made by the module. */
  constructor(
    private readonly jetstream: JetStreamService,
    /** @internal Those of the microservice transport are added to it. */
    readonly handlers: LocalHandlers,
  ) {
    this.originals = new Originals(jetstream);
  }

  /**
   * The dead letters that are there now, the oldest first. They are read as they are iterated over.
   *
   * @throws {@link InvalidArgumentError}, {@link InvalidSubjectError} for a filter that cannot be right
   */
  list(filter: DeadLetterFilter = {}): AsyncIterable<DeadLetter> {
    return readDeadLetters(this.jetstream, filter, 0);
  }

  /**
   * A part of {@link list}, for lists that are shown page by page.
   *
   * @throws {@link InvalidArgumentError}, {@link InvalidSubjectError}
   */
  async page(filter: DeadLetterFilter = {}, options: DeadLetterPageOptions = {}): Promise<DeadLetterPage> {
    const { limit = 100, after = 0 } = checkPageOptions(options);
    checkWholeNumber('limit', limit, 1);
    checkWholeNumber('after', after, 0);
    const letters: DeadLetter[] = [];
    for await (const letter of readDeadLetters(this.jetstream, filter, after)) {
      // One more than asked for was there: so there is a next page.
      if (letters.length === limit) return { letters, next: letters[limit - 1].sequence };
      letters.push(letter);
    }
    return { letters, next: undefined };
  }

  /** Reads one. @throws {@link DeadLetterNotFoundError} */
  async get(sequence: number): Promise<DeadLetter> {
    checkWholeNumber('sequence', sequence, 1);
    const stream = await this.jetstream.stream(DEAD_LETTER_STREAM);
    const message = await stream.getMessage(sequence).catch((error: unknown) => {
      if (error instanceof MessageNotFoundError)
        throw new DeadLetterNotFoundError(sequence, { cause: error });
      throw error;
    });
    const letter = DeadLetter.from(message);
    if (!letter) throw new DeadLetterNotFoundError(sequence);
    return letter;
  }

  /**
   * Has a message handled again, and drops the dead letter when that is done.
   *
   * To the `subject`: published with its payload, its headers (but for the server's own, which begin with `Nats-`) and a
   * header `Dead-Letter-Replay` with the dead letter's sequence. Replaying it twice within the stream's duplicates window
   * publishes it once. To the `handler`: called with all that stands around it (guards, pipes, interceptors, filters), beside
   * the messages of its consumer, so not bound by its `concurrency` and order; it is not retried.
   *
   * One that was kept without its payload ({@link DeadLetter.omittedPayloadSize}) is completed from its stream. If the
   * original is so large that it has no room for the added headers, it is published without them.
   *
   * @throws {@link DeadLetterNotFoundError}, {@link DeadLetterPayloadGoneError}
   * @throws {@link HandlerNotRunningError}, {@link ReplayFailedError} with `to: 'handler'`
   * @throws {@link ReplayRefusedError} with `to: 'subject'`, for a subject that begins with `$` or has wildcards
   * @throws what {@link JetStreamService.publish} throws, with `to: 'subject'`
   */
  async replay(letter: number | DeadLetter, options: ReplayOptions = {}): Promise<void> {
    const { to = 'subject' } = checkReplayOptions(options);
    if (to !== 'subject' && to !== 'handler') {
      throw new InvalidArgumentError('to', `${shown(to)} is neither "subject" nor "handler"`);
    }
    const found = await this.current(letter);
    const complete = await this.originals.complete(found);
    if (to === 'handler') await this.handle(complete);
    else await this.publish(complete);
    await this.removeIfThere(found);
  }

  /**
   * Replays, one after another, the dead letters that are there now. One that fails stays, and the others go on.
   *
   * @throws {@link InvalidArgumentError}, {@link InvalidSubjectError} for a filter that cannot be right
   */
  async replayAll(filter: DeadLetterFilter, options: ReplayOptions = {}): Promise<ReplayResult> {
    checkFilter(filter);
    checkReplayOptions(options);
    let replayed = 0;
    const failed: { letter: DeadLetter; error: Error }[] = [];
    for await (const letter of this.list(filter)) {
      try {
        await this.replay(letter, options);
        replayed++;
      } catch (error) {
        failed.push({ letter, error: toError(error) });
      }
    }
    return { replayed, failed };
  }

  /** Removes one for good. @throws {@link DeadLetterNotFoundError} */
  async drop(letter: number | DeadLetter): Promise<void> {
    await this.remove(await this.current(letter));
  }

  /**
   * Removes all that are there now and fit, for good: `{}` fits all.
   *
   * @returns how many were removed
   * @throws {@link InvalidArgumentError}, {@link InvalidSubjectError} for a filter that cannot be right
   */
  async dropAll(filter: DeadLetterFilter): Promise<number> {
    const { stream: _, consumer: __, ...rest } = checkFilter(filter);
    if (Object.values(rest).every((value) => value === undefined)) {
      const stream = await this.jetstream.stream(DEAD_LETTER_STREAM);
      return stream.purge({ subject: subjectsOf(filter) });
    }
    let dropped = 0;
    for await (const letter of this.list(filter)) {
      if (await this.removeIfThere(letter)) dropped++;
    }
    return dropped;
  }

  /** The letter as it is stored. One of another life of the dead-letter stream, whose sequence another one has now, is not there. */
  private async current(letter: number | DeadLetter): Promise<DeadLetter> {
    const sequence = sequenceOf(letter);
    const found = await this.get(sequence);
    const time = typeof letter === 'number' ? undefined : propertyOf(letter, 'time');
    if (types.isDate(time) && time.getTime() !== found.time.getTime()) {
      throw new DeadLetterNotFoundError(sequence);
    }
    return found;
  }

  private async remove(letter: DeadLetter): Promise<void> {
    const { sequence } = letter;
    const stream = await this.jetstream.stream(DEAD_LETTER_STREAM);
    await stream.deleteMessage(sequence).catch((error: unknown) => {
      if (error instanceof MessageNotFoundError)
        throw new DeadLetterNotFoundError(sequence, { cause: error });
      throw error;
    });
    await this.originals.release(letter);
  }

  /** False where someone else was faster. */
  private async removeIfThere(letter: DeadLetter): Promise<boolean> {
    try {
      await this.remove(letter);
      return true;
    } catch (error) {
      if (error instanceof DeadLetterNotFoundError) return false;
      throw error;
    }
  }

  private async publish(letter: DeadLetter): Promise<void> {
    const { subject, sequence, time, data } = letter;
    const headers = letter.publishableHeaders;
    // Any user with permission to publish to the dead-letter stream could have written it.
    if (!isReplyAllowed(subject)) throw new ReplayRefusedError(sequence, subject);
    headers.set(REPLAY_HEADER, String(sequence));
    // Not the id of the original: within the duplicates window the stream would take this for a repetition of it.
    const messageId = `dead-letter-replay.${sequence}.${time.getTime()}`;
    try {
      await this.jetstream.publish(subject, data, { headers, messageId });
    } catch (error) {
      if (!isTooLarge(error)) throw error;
      // The original may be as large as a message can be, without room for these two headers.
      const own = letter.publishableHeaders;
      await this.jetstream.publish(subject, data, own.keys().length > 0 ? { headers: own } : {});
    }
  }

  private async handle(letter: DeadLetter): Promise<void> {
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
        `it settled the message with ${settledWith}`,
      );
    }
  }
}

/** @throws {@link InvalidArgumentError} */
function sequenceOf(letter: number | DeadLetter): number {
  const sequence = typeof letter === 'number' ? letter : propertyOf(letter, 'sequence');
  checkWholeNumber('letter', sequence, 1);
  return Number(sequence);
}
