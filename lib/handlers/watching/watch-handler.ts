import { Logger } from '@nestjs/common';
import {
  type CleanScope,
  type CompiledHandler,
  ControlledHandler,
  FailureLog,
  type HandlerState,
  type JetStreamEvents,
} from '../../consuming/index.js';
import { BucketRecreatedError, ConnectionClosedError } from '../../errors/index.js';
import type { HandlerObserver } from '../../instruments/index.js';
import { isRecreated, type StreamOrigin } from '../../jetstream/index.js';
import { counted, errorText, printable, toError } from '../../reporting/index.js';
import { Backoff, recover, untilAborted, within } from '../../timing/index.js';
import { type EntryReports, EntryRunner } from './entry-runner.js';
import { ObservedEntry, type Watch, type WatchSource } from './watch-source.js';

const FIRST_RETRY = 1_000;
const LONGEST_RETRY = 30_000;

/**
 * Runs one `@KvWatch` or `@ObjectWatch` handler: it passes the entries to the handler one by one. If the watch ends, it
 * is opened again after the last handled entry.
 */
export class WatchHandler<Entry extends object> extends ControlledHandler {
  private readonly entries: EntryRunner<Entry>;
  private readonly backoff = new Backoff({ first: FIRST_RETRY, longest: LONGEST_RETRY });
  private watch: Watch | undefined;
  /** When the bucket was created; `undefined` after a restart of the watch, until it is read again. */
  private origin: StreamOrigin | undefined;
  private lastRevision: number | undefined;
  /** The entry that is being handled. */
  private current: Promise<void> | undefined;
  private recovery: Promise<void> | undefined;
  /** The end of the work that was started before the current run. */
  private left: Promise<void> | undefined;
  /** Whether initial values of the bucket are still to be handled, since the start or since it was created again. */
  private isInitial = true;
  private markInitialized: () => void = () => undefined;
  /** Resolves when the initial values were handled for the first time. */
  private readonly initialized = new Promise<void>((resolve) => (this.markInitialized = resolve));

  constructor(
    private readonly source: WatchSource<Entry>,
    handler: CompiledHandler<Entry>,
    private readonly events: JetStreamEvents,
    scope: CleanScope,
    observer?: HandlerObserver,
  ) {
    super(source.connection, new Logger(source.kind === 'kv-watch' ? 'KvWatch' : 'ObjectWatch'));
    const failures = new FailureLog(this.logger);
    const reports: EntryReports<Entry> = {
      onRetry: (entry, error, wait) => failures.retried(this.name(entry), source.handler, error, wait),
      onGivenUp: (entry, error) => failures.failed(`${this.name(entry)} failed and is skipped`, error),
      deliveryOf: (entry) => new ObservedEntry(source, entry),
    };
    this.entries = new EntryRunner(handler, scope, reports, observer, source.connection.timeScale);
  }

  get state(): HandlerState {
    const { kind, handler, connection, bucket } = this.source;
    const { handled, failed, running } = this.entries;
    return {
      handler,
      kind,
      connection: connection.name,
      source: bucket,
      ...this.condition,
      handled,
      failed,
      running,
      waiting: 0,
      circuitOpen: false,
    };
  }

  async idle(): Promise<void> {
    await this.current;
  }

  /** Resolves when the startup may continue; see `waitForInitialValues`. */
  async ready(): Promise<void> {
    const { waitForInitialValues, connection, handler, bucket } = this.source;
    if (!waitForInitialValues) return;
    const { signal } = this.run;
    try {
      const initialized = untilAborted(signal, this.initialized);
      const step = `waiting until ${handler} has handled the values of bucket "${bucket}"`;
      await (connection.boot?.wait(step, initialized, () => this.progress()) ?? initialized);
    } catch (error) {
      if (!signal.aborted) throw error;
      // The connection was closed.
      if (this.error !== undefined) throw this.error;
      this.logger.warn(
        `${handler} was ${this.status} before it had handled the values of bucket "${bucket}": the startup does not wait for it`,
      );
    }
  }

  /** How far the initial values are handled, for the error of a startup that waits for them. */
  private progress(): string {
    const { handled, running } = this.entries;
    const values = `${counted(handled, 'value')} handled`;
    return running === 0
      ? `${values}, and the next one was not received`
      : `${values}, and the next one has not ended`;
  }

  protected unfinished(): Iterable<object> {
    return this.entries.unfinished;
  }

  protected async open(signal: AbortSignal): Promise<() => void> {
    this.entries.start();
    this.isInitial = true;
    await this.follow(signal);
    this.logger.log(`${this.source.handler} watches bucket "${this.source.bucket}"`);
    return () => undefined;
  }

  /** The current entry continues. */
  protected async suspend(): Promise<void> {
    this.left = this.leave();
  }

  /** The watch opens after the current entry, which continued during the pause. */
  protected async proceed(signal: AbortSignal): Promise<void> {
    await this.left;
    if (!signal.aborted) await this.follow(signal);
  }

  protected async end(left: number): Promise<void> {
    this.entries.stop();
    if (!(await within(left, this.leave()))) this.entries.abandon();
  }

  protected disconnected(): void {
    this.entries.stop();
    void this.stopWatch(this.watch);
  }

  /** Ends the watch; resolves when neither an entry nor a recovery is in progress. */
  private async leave(): Promise<void> {
    await Promise.all([this.stopWatch(this.watch), this.recovery]);
    await this.current;
  }

  private async follow(signal: AbortSignal): Promise<void> {
    const origin = await this.source.origin();
    if (this.origin !== undefined && isRecreated(this.origin, origin)) this.bucketRecreated();
    this.origin = origin;
    const watch = await this.source.open(
      {
        // A watch may deliver entries before it is open. Entries after the end of the run are delivered again later.
        onEntry: (entry) => (signal.aborted ? undefined : this.onEntry(entry)),
        onInitialized: () => {
          if (!signal.aborted) this.initialEnded();
        },
        onRestarted: () => this.restarted(signal),
        onError: (error) => {
          if (!signal.aborted) this.recovery = this.recover(error, signal);
        },
      },
      this.lastRevision,
    );
    if (signal.aborted) return this.stopWatch(watch);
    this.watch = watch;
    this.status = 'running';
  }

  private async stopWatch(watch: Watch | undefined): Promise<void> {
    try {
      await watch?.stop();
    } catch (error) {
      this.logger.debug(`${this.source.handler}: the watch ended with an error: ${errorText(error)}`);
    }
  }

  private onEntry(entry: Entry): void | Promise<void> {
    const handling = this.entries.handle(entry);
    if (typeof handling === 'boolean') return this.handled(entry, handling);
    this.current = handling.then((isThrough) => this.handled(entry, isThrough));
    return this.current;
  }

  private handled(entry: Entry, isThrough: boolean): void {
    const revision = this.source.revisionOf(entry);
    // An entry that was still being handled at a stop may end after later entries.
    if (isThrough && revision > (this.lastRevision ?? 0)) this.lastRevision = revision;
  }

  private initialEnded(): void {
    if (!this.isInitial) return;
    this.isInitial = false;
    this.markInitialized();
    this.events.emit({ type: 'watch-initialized', ...this.about() });
  }

  private restarted(signal: AbortSignal): void {
    if (signal.aborted) return;
    const { bucket } = this.source;
    this.origin = undefined;
    this.events.emit({ type: 'consumer-lost', ...this.about(), error: new BucketRecreatedError(bucket) });
    this.bucketRecreated();
    this.events.emit({ type: 'consumer-recovered', ...this.about() });
  }

  /** The revisions handled in the earlier bucket do not apply to the new one, whose values are initial. */
  private bucketRecreated(): void {
    this.lastRevision = undefined;
    this.isInitial = true;
    this.events.emit({ type: 'bucket-recreated', ...this.about() });
  }

  private about(): Pick<HandlerState, 'connection' | 'handler' | 'source'> & { time: Date } {
    const { handler, bucket, connection } = this.source;
    return { connection: connection.name, handler, source: bucket, time: new Date() };
  }

  private async recover(cause: Error, signal: AbortSignal): Promise<void> {
    // The end of the connection is reported once, regardless of what the handler was doing.
    if (cause instanceof ConnectionClosedError) return;
    const { handler, bucket } = this.source;
    this.status = 'recovering';
    this.error = cause;
    this.logger.error(`${handler}: the watch of bucket "${bucket}" ended: ${errorText(cause)}`);
    this.events.emit({ type: 'consumer-lost', ...this.about(), error: cause });
    const recovered = await recover(() => this.follow(signal), {
      backoff: this.backoff,
      signal,
      onFailure: (failure, wait) => {
        this.error = toError(failure);
        this.logger.warn(`${handler}: cannot watch yet, retrying in ${wait} ms: ${errorText(failure)}`);
      },
    });
    if (!recovered) return;
    this.logger.log(`${handler} watches bucket "${bucket}" again`);
    this.events.emit({ type: 'consumer-recovered', ...this.about() });
  }

  private name(entry: Entry): string {
    const { handler, bucket } = this.source;
    const [what, revision] = [this.source.nameOf(entry), this.source.revisionOf(entry)];
    return `${handler}: the entry "${printable(what)}" (bucket ${bucket}, revision ${revision})`;
  }
}
