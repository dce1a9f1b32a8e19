import type { RunningOperation } from '../../instruments/index.js';
import { propertyOf } from '../../reporting/index.js';
import { rejectionOf } from '../../user-code/index.js';
import type { LossReport } from './loss-report.js';
import type { PubAck } from './pub-ack.js';
import type { OutgoingMessage } from './publish-options.js';

/** A message published with `publishAsync`, and its pending acknowledgement. */
export interface PubAckFuture {
  /** The message as the caller passed it. */
  readonly message: OutgoingMessage;
  /**
   * Resolves when a stream has stored the message; rejects if none did. It may be awaited at any time, or never: a
   * failure that is not awaited is not an unhandled rejection.
   */
  readonly ack: Promise<PubAck>;
}

/** Creates the promise of an acknowledgement on demand, because many producers do not need it. */
export class PendingPubAck implements PubAckFuture {
  private promise: Promise<PubAck> | undefined;
  private onAck: ((ack: PubAck) => void) | undefined;
  private onError: ((error: Error) => void) | undefined;
  private outcome: PubAck | Error | undefined;
  private withdraw: (() => void) | undefined;

  constructor(
    readonly message: OutgoingMessage,
    /** Ends with the outcome, also if the message was never sent. */
    private readonly operation?: RunningOperation,
  ) {}

  get ack(): Promise<PubAck> {
    this.promise ??= this.watch();
    return this.promise;
  }

  settle(outcome: PubAck | Error): void {
    this.outcome = outcome;
    if (this.operation !== undefined) endOperation(this.operation, outcome);
    if (outcome instanceof Error) this.onError?.(outcome);
    else this.onAck?.(outcome);
  }

  /** Reports a failure, unless a caller has requested the promise, or does so before the report is written. */
  reportTo(losses: LossReport, error: Error): void {
    if (this.promise) return;
    this.withdraw = losses.add(error, propertyOf(this.message, 'subject'));
  }

  private watch(): Promise<PubAck> {
    this.withdraw?.();
    const promise = new Promise<PubAck>((resolve, reject) => {
      if (this.outcome instanceof Error) reject(rejectionOf(this.outcome));
      else if (this.outcome) resolve(this.outcome);
      this.onAck = resolve;
      this.onError = (error) => reject(rejectionOf(error));
    });
    // The promise may be awaited later; until then a failure must not end the process.
    promise.catch(() => undefined);
    return promise;
  }
}

/** Reports the outcome of a publish to the instruments, before the caller receives it. */
export function endOperation(operation: RunningOperation, outcome: PubAck | Error): void {
  if (outcome instanceof Error) return operation.fail(outcome);
  const { stream, sequence, duplicate } = outcome;
  operation.end({ stream, sequence, duplicate });
}
