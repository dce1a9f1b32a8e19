import { Logger } from '@nestjs/common';
import { ConnectionClosedError, ConnectionFailedError } from '../../errors/index.js';
import { errorText } from '../../reporting/index.js';
import { untilAborted, within } from '../../timing/index.js';
import { checkSignal, throwIfAborted } from '../../user-code/index.js';
import type { OpeningWait } from '../opening-wait.js';

/** What is opened. */
export interface Opened {
  /** The name of the connection. */
  readonly name: string;
  /** The servers, without credentials. */
  readonly servers: string;
  /** The default for the wait of a call, in milliseconds. */
  readonly timeout: number;
  /** Whether there is a connection to a server already, which an earlier attempt has opened and not prepared. */
  readonly isLinked: boolean;
  /** Connects, and then prepares the connection for calls. The signal ends the attempt to connect. */
  open(signal: AbortSignal): Promise<void>;
  /** Called once, when an attempt has succeeded. */
  onReady(): void;
}

/** One attempt, and the calls that wait for it. */
interface Attempt {
  readonly outcome: Promise<void>;
  readonly end: AbortController;
  waiting: number;
}

/**
 * The opening of a connection by the first calls that need it. Calls at the same time share one attempt. If it fails, these
 * calls fail, and the next one starts another attempt. An attempt to connect that no call waits for any more is ended.
 */
export class Opening {
  private readonly logger = new Logger('NatsConnection');
  private attempt: Attempt | undefined;
  private closed = false;
  private done = false;

  constructor(private readonly opened: Opened) {}

  /**
   * Waits until the connection is open, and opens it if no other call does.
   *
   * @throws {@link ConnectionFailedError} if the attempt fails, or takes longer than the timeout of this call
   * @throws {@link ConnectionClosedError} if the application was closed, also during the attempt
   * @throws the errors of provisioning, if a declared stream or bucket cannot be created, or differs
   * @throws the reason of the signal when it is aborted
   */
  async wait({ timeout = this.opened.timeout, signal }: OpeningWait): Promise<void> {
    if (signal !== undefined) {
      checkSignal(signal);
      throwIfAborted(signal);
    }
    if (this.done) return;
    const { name, servers } = this.opened;
    if (this.closed) throw new ConnectionClosedError(name);
    const attempt = (this.attempt ??= this.begin());
    attempt.waiting++;
    try {
      if (!(await untilAborted(signal, within(timeout, attempt.outcome)))) {
        const reason = `it was not open within ${Math.round(timeout)} ms`;
        throw new ConnectionFailedError(name, servers, reason, 'TIMEOUT');
      }
      await attempt.outcome;
    } catch (cause) {
      throw this.closed && !signal?.aborted ? new ConnectionClosedError(name, { cause }) : cause;
    } finally {
      if (--attempt.waiting === 0 && this.attempt === attempt) this.giveUp(attempt);
    }
  }

  /** Ends the attempt; the calls that wait for it, and all later ones, fail with {@link ConnectionClosedError}. */
  close(): void {
    this.closed = true;
    this.attempt?.end.abort();
  }

  private begin(): Attempt {
    const end = new AbortController();
    const outcome = this.opened.open(end.signal).then(() => {
      this.done = true;
      this.opened.onReady();
    });
    const attempt: Attempt = { outcome, end, waiting: 0 };
    outcome.then(
      () => this.forget(attempt),
      (error: unknown) => {
        this.forget(attempt);
        // Calls that still wait get the error.
        if (attempt.waiting > 0 || end.signal.aborted) return;
        this.logger.warn(
          `Connection "${this.opened.name}": it was not opened, and the next call tries again: ${errorText(error)}`,
        );
      },
    );
    return attempt;
  }

  /** The preparation is completed for the next call, because it changes the server. */
  private giveUp(attempt: Attempt): void {
    if (this.opened.isLinked) return;
    this.forget(attempt);
    attempt.end.abort();
  }

  private forget(attempt: Attempt): void {
    if (this.attempt === attempt) this.attempt = undefined;
  }
}
