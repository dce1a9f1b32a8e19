import type { JetStreamConnection } from '../../connection/index.js';
import { ConnectionClosedError } from '../../errors/index.js';
import { toError } from '../../reporting/index.js';
import { Timer } from '../../timing/index.js';
import { abortError, onAbort, reasonError, rejectionOf } from '../../user-code/index.js';

/** Called when a pause is over, or with the error that ended it early. It must not throw. */
type PauseEnd = (error?: Error) => void;

/**
 * The pauses between attempts to publish. They end early when the connection closes or the caller's signal is aborted.
 */
export class RetryPauses {
  private readonly waiting = new Set<PauseEnd>();
  private stopListening: (() => void) | undefined;

  constructor(private readonly connection: JetStreamConnection) {}

  /** Calls back after the delay in milliseconds, or earlier with an error. */
  after(delay: number, signal: AbortSignal | undefined, onEnd: PauseEnd): void {
    const aborted = abortError(signal);
    if (aborted) return onEnd(aborted);
    if (this.connection.nc.isClosed()) return onEnd(new ConnectionClosedError(this.connection.name));
    const end: PauseEnd = (error) => {
      if (!this.waiting.delete(end)) return;
      timer.cancel();
      forget?.();
      if (this.waiting.size === 0) this.rest();
      onEnd(error);
    };
    let forget: (() => void) | undefined;
    try {
      forget = signal && onAbort(signal, (reason) => end(reasonError(reason)));
    } catch (error) {
      return onEnd(toError(error));
    }
    const timer = new Timer(delay, () => end());
    this.waiting.add(end);
    this.stopListening ??= this.connection.listen({ onClose: (cause) => this.close(cause) });
  }

  /** Like {@link after}. @throws the error that ended the pause early */
  wait(delay: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      this.after(delay, signal, (error) => (error ? reject(rejectionOf(error)) : resolve()));
    });
  }

  /** Ends all pauses: the connection is closed, or its application is. */
  close(cause?: Error): void {
    const error = new ConnectionClosedError(this.connection.name, cause && { cause });
    for (const end of this.waiting) end(error);
  }

  private rest(): void {
    this.stopListening?.();
    this.stopListening = undefined;
  }
}
