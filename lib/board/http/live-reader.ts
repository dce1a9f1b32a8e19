import type { ServerResponse } from 'node:http';

/** How many events wait for a reader that is slow. */
const MOST_WAITING = 100;
/** How long a reader may take no data before its connection is closed, in milliseconds. */
const LONGEST_STALL = 30_000;
/** After how long without data a comment is sent, so that proxies keep the connection, in milliseconds. */
const HEARTBEAT = 15_000;

/**
 * One response with server-sent events. It needs a bounded amount of memory if its caller reads slowly: of data that
 * newer data replaces, only the newest waits, and of events the last 100.
 */
export class LiveReader {
  /** Newest data by its name. */
  private readonly newest = new Map<string, string>();
  private readonly events: string[] = [];
  private isOpen = true;
  private stalledAt: number | undefined;
  private sentAt = performance.now();
  readonly openedAt = performance.now();

  constructor(
    private readonly response: ServerResponse,
    /** The request of the HTTP platform, with which the access is checked again. */
    readonly request: unknown,
    /** Called once when the response has ended, for any reason. Must not throw. */
    private readonly onEnd: (reader: LiveReader) => void,
  ) {
    response.on('drain', () => this.flush());
    response.once('close', () => this.ended());
  }

  /** Sends text that is not an event, such as a comment. */
  note(text: string): void {
    this.write(`${text}\n\n`);
  }

  /** Sends data that later data of the same name replaces. */
  snapshot(name: string, json: string): void {
    this.newest.set(name, `event: ${name}\ndata: ${json}\n\n`);
    this.flush();
  }

  /** Sends an event. @param id its name, from which the browser continues after a reconnect */
  event(id: string, json: string): void {
    this.events.push(`id: ${id}\nevent: event\ndata: ${json}\n\n`);
    if (this.events.length > MOST_WAITING) this.events.shift();
    this.flush();
  }

  /** Keeps the connection alive, and closes it if the caller does not read. Called regularly. */
  tend(now: number): void {
    if (this.stalledAt !== undefined) {
      if (now - this.stalledAt > LONGEST_STALL) this.response.destroy();
    } else if (now - this.sentAt >= HEARTBEAT) this.note(':');
  }

  /**
   * Ends the response.
   *
   * @param reason why the browser must not connect again; without it, the browser does
   */
  end(reason?: string): void {
    if (!this.isOpen) return;
    if (reason !== undefined) this.write(`event: end\ndata: ${JSON.stringify({ reason })}\n\n`);
    this.response.end();
    this.ended();
  }

  private flush(): void {
    if (!this.isOpen || this.response.writableNeedDrain) return;
    this.stalledAt = undefined;
    for (const text of this.take()) if (!this.write(text)) return;
  }

  /** Removes each text that it returns. */
  private *take(): Iterable<string> {
    for (let text = this.events.shift(); text !== undefined; text = this.events.shift()) yield text;
    for (const [name, text] of this.newest) {
      this.newest.delete(name);
      yield text;
    }
  }

  /** @returns whether the caller has taken what was sent before */
  private write(text: string): boolean {
    if (!this.isOpen) return false;
    const now = performance.now();
    this.sentAt = now;
    if (this.response.write(text)) return true;
    this.stalledAt ??= now;
    return false;
  }

  private ended(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.events.length = 0;
    this.newest.clear();
    this.onEnd(this);
  }
}
