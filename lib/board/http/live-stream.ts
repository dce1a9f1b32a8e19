import type { ServerResponse } from 'node:http';
import type { BoardSource } from '../data/index.js';
import type { BoardEvents } from './board-events.js';
import { LiveGroup, type LiveGroupParts, type LiveTimes } from './live-group.js';
import { LiveReader } from './live-reader.js';
import { BoardRefusal } from './refusal.js';

/** The maximum number of readers in this process. */
const MOST_READERS = 100;
/** After how long browsers connect again, in milliseconds. */
const RECONNECT = 2_000;

/** What {@link LiveStream} uses. */
export interface LiveParts extends LiveGroupParts {
  readonly source: BoardSource;
  readonly events: BoardEvents;
}

/** Sends the state of handlers, jobs and events to all pages that are open. */
export class LiveStream {
  private readonly groups = new Map<string, LiveGroup>();
  private readonly readers = new Map<LiveReader, () => void>();
  private isStopped = false;

  constructor(
    private readonly parts: LiveParts,
    private readonly times: LiveTimes,
  ) {}

  /** How many pages are open. */
  get size(): number {
    return this.readers.size;
  }

  /**
   * Checks whether a reader can be added.
   *
   * @param query the parameters of the request
   * @returns the name of its connection
   * @throws {@link BoardRefusal}
   */
  require(query: Readonly<Record<string, string>>): string {
    if (this.isStopped) throw new BoardRefusal(503, 'The application is stopping.', undefined, 5);
    if (this.readers.size >= MOST_READERS)
      throw new BoardRefusal(
        503,
        `${MOST_READERS} pages are open already; close one of them.`,
        undefined,
        30,
      );
    const { connection, ...others } = query;
    const names = this.parts.source.connections.map(({ connection: { name } }) => name);
    if (Object.keys(others).length > 0)
      throw new BoardRefusal(
        400,
        'The event stream has the parameter connection only.',
        'InvalidArgumentError',
      );
    const found = connection === undefined ? names[0] : names.find((name) => name === connection);
    if (found !== undefined) return found;
    throw new BoardRefusal(
      connection === undefined ? 503 : 400,
      `There is no such connection. The connections are: ${names.join(', ') || 'none'}.`,
      'InvalidArgumentError',
    );
  }

  /**
   * Adds a reader.
   *
   * @param connection the result of {@link require}
   * @param lastEvent the name of the last event that the browser has, after a reconnect
   */
  add(response: ServerResponse, request: unknown, connection: string, lastEvent: string | undefined): void {
    const { events } = this.parts;
    const group = this.groupOf(connection);
    const reader = new LiveReader(response, request, (ended) => this.remove(ended, connection, group));
    const forget = events.listen((event) => reader.event(events.nameOf(event), JSON.stringify(event.event)));
    this.readers.set(reader, forget);
    reader.note(`retry: ${RECONNECT}`);
    for (const event of events.since(lastEvent))
      reader.event(events.nameOf(event), JSON.stringify(event.event));
    group.add(reader);
    // It may have left before it was added.
    if (response.destroyed) reader.end();
  }

  /** Ends all readers; browsers connect again, perhaps to another instance. */
  stop(): void {
    this.isStopped = true;
    for (const reader of this.readers.keys()) reader.end();
  }

  private remove(reader: LiveReader, connection: string, group: LiveGroup): void {
    this.readers.get(reader)?.();
    this.readers.delete(reader);
    group.remove(reader);
    if (group.size === 0 && this.groups.get(connection) === group) this.groups.delete(connection);
  }

  private groupOf(connection: string): LiveGroup {
    let group = this.groups.get(connection);
    if (group === undefined) {
      group = new LiveGroup(this.parts, { connection }, this.times);
      this.groups.set(connection, group);
    }
    return group;
  }
}
