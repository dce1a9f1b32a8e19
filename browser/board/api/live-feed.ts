import type { BoardEvent, BoardLive, HandlersView, JobsView } from '../../../lib/board/model/index.js';
import { RateBook } from '../figures/rates.js';
import { BoardError, messageOf } from './board-error.js';
import { addressOf, readView } from './requests.js';

/** How often data is requested without the event stream, in milliseconds. */
const POLL_PERIOD = 5_000;
/** After how long without data the page requests it, in milliseconds. */
const LONGEST_SILENCE = 10_000;
/** After how long the event stream is opened again after it was refused, in milliseconds. */
const RETRY = 30_000;
const MOST_EVENTS = 500;

/** `live`: the event stream sends data. `polling`: the page requests it. `ended`: the user has no access any longer. */
export type FeedState = 'connecting' | 'live' | 'polling' | 'ended';

/** The data that updates itself: from the event stream, or requested every five seconds if that is not available. */
export class LiveFeed {
  state: FeedState = 'connecting';
  /** Why it ended. */
  reason = '';
  /** Why data could not be read last; empty if it could. */
  problem = '';
  handlers: HandlersView | undefined;
  jobs: JobsView | undefined;
  /** Newest first. */
  events: readonly BoardEvent[] = [];
  readonly rates = new RateBook();
  private readonly listeners = new Set<() => void>();
  private readonly query: { readonly connection: string | undefined };
  private source: EventSource | undefined;
  private timer: ReturnType<typeof setInterval> | undefined;
  private heardAt = 0;
  private refusedAt = 0;
  private isReading = false;
  private isClosed = false;

  constructor(connection: string | undefined) {
    this.query = { connection };
  }

  /** Starts to read, while the page is visible. */
  start(): void {
    document.addEventListener('visibilitychange', this.follow);
    this.follow();
  }

  close(): void {
    this.isClosed = true;
    document.removeEventListener('visibilitychange', this.follow);
    this.pause();
    this.listeners.clear();
  }

  /** @param listener is called after each change. @returns removes it */
  listen(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Requests everything at once: after an action, its effect is visible before the next regular data. */
  async refresh(): Promise<void> {
    if (this.isReading || this.isClosed || this.state === 'ended') return;
    this.isReading = true;
    const results = await Promise.allSettled([
      readView('handlers', this.query).then((view) => this.setHandlers(view)),
      readView('jobs', this.query).then((view) => (this.jobs = view)),
      readView('events', {}).then(({ rows }) => (this.events = rows)),
    ]);
    this.isReading = false;
    if (this.isClosed) return;
    const errors = results.flatMap((result) =>
      result.status === 'rejected' ? [result.reason as unknown] : [],
    );
    // A view alone may be forbidden; without any, the access has ended.
    if (
      errors.length === results.length &&
      errors.every((error) => error instanceof BoardError && error.isRefused)
    )
      this.end('Your access has ended.');
    this.problem = errors.map(messageOf)[0] ?? '';
    this.changed();
  }

  /** A hidden page needs no data. Browsers limit the connections to a host, and each page would keep one. */
  private readonly follow = (): void => {
    if (this.state === 'ended') return;
    this.pause();
    if (document.visibilityState === 'hidden') return;
    this.heardAt = Date.now();
    this.open();
    this.timer = setInterval(() => this.check(), POLL_PERIOD);
    void this.refresh();
  };

  private pause(): void {
    clearInterval(this.timer);
    this.source?.close();
    this.source = undefined;
  }

  private open(): void {
    const source = new EventSource(addressOf('live', this.query));
    this.source = source;
    this.on('handlers', (view) => this.setHandlers(view));
    this.on('jobs', (view) => (this.jobs = view));
    this.on('event', (event) => (this.events = [event, ...this.events].slice(0, MOST_EVENTS)));
    this.on('end', ({ reason }) => this.end(reason));
    // The server closes the stream regularly, and the browser opens it again; only a refusal closes it finally.
    source.addEventListener('error', () => {
      if (source.readyState !== EventSource.CLOSED || this.source !== source) return;
      this.source = undefined;
      this.refusedAt = Date.now();
      void this.poll();
    });
  }

  private on<Name extends keyof BoardLive>(name: Name, take: (data: BoardLive[Name]) => void): void {
    const { source } = this;
    source?.addEventListener(name, (message: MessageEvent<string>) => {
      if (this.source !== source) return;
      this.heardAt = Date.now();
      if (this.state !== 'ended') this.state = 'live';
      this.problem = '';
      take(JSON.parse(message.data) as BoardLive[Name]);
      this.changed();
    });
  }

  private check(): void {
    if (this.source === undefined && Date.now() - this.refusedAt >= RETRY) this.open();
    if (this.source === undefined || Date.now() - this.heardAt > LONGEST_SILENCE) void this.poll();
  }

  private async poll(): Promise<void> {
    if (this.state !== 'ended') this.state = 'polling';
    this.changed();
    await this.refresh();
  }

  private setHandlers(view: HandlersView): void {
    this.handlers = view;
    this.rates.add(view);
  }

  private end(reason: string): void {
    this.state = 'ended';
    this.reason = reason;
    this.pause();
    this.changed();
  }

  private changed(): void {
    for (const listener of this.listeners) listener();
  }
}
