import { randomBytes } from 'node:crypto';
import type { JetStreamEvent, JetStreamEvents } from '../../consuming/index.js';
import type { BoardEvent } from '../model/index.js';
import { shownEvent } from './event-text.js';

/** How many events are kept. */
const KEPT = 500;
/** How long events are collected after they were last read, in milliseconds. */
const WANTED = 60_000;

/** An event with its number, from 1. */
export interface NumberedEvent {
  readonly number: number;
  readonly event: BoardEvent;
}

/**
 * Collects the last events while callers read them. An application whose board is not open collects nothing: the
 * subscription ends with the first event after the last reader has left for a minute, so that no timer is needed.
 */
export class BoardEvents {
  private readonly kept: NumberedEvent[] = [];
  private readonly listeners = new Set<(event: NumberedEvent) => void>();
  private readonly origin = randomBytes(6).toString('hex');
  private subscription: { unsubscribe(): void } | undefined;
  private readAt = -Infinity;
  private count = 0;

  /** @param bus the events of the application; `undefined` without one */
  constructor(private readonly bus: JetStreamEvents | undefined) {}

  /** Whether events of the application are collected. */
  get isCollecting(): boolean {
    return this.subscription !== undefined;
  }

  /** The events, newest first. */
  list(): readonly BoardEvent[] {
    this.collect();
    return this.kept.map(({ event }) => event).toReversed();
  }

  /** Calls back for each event, until the returned function is called. */
  listen(listener: (event: NumberedEvent) => void): () => void {
    this.collect();
    this.listeners.add(listener);
    return () => {
      this.readAt = performance.now();
      this.listeners.delete(listener);
    };
  }

  /** The name of an event for a reader that continues later. */
  nameOf({ number }: NumberedEvent): string {
    return `${this.origin}.${number}`;
  }

  /** The events after that of a name; none if it is unknown, such as that of another instance. */
  since(name: string | undefined): readonly NumberedEvent[] {
    const [, origin, number] = /^([0-9a-f]{12})\.(\d{1,15})$/.exec(name ?? '') ?? [];
    return origin === this.origin ? this.kept.filter((each) => each.number > Number(number)) : [];
  }

  /** Adds an event of the board itself, and reports it to the application. */
  report(event: JetStreamEvent): void {
    if (!this.isCollecting) this.add(event);
    this.bus?.emit(event);
  }

  stop(): void {
    this.subscription?.unsubscribe();
    this.subscription = undefined;
    this.listeners.clear();
  }

  private collect(): void {
    this.readAt = performance.now();
    this.subscription ??= this.bus?.all.subscribe((event) => this.onEvent(event));
  }

  private onEvent(event: JetStreamEvent): void {
    if (this.listeners.size > 0 || performance.now() - this.readAt < WANTED) return this.add(event);
    this.subscription?.unsubscribe();
    this.subscription = undefined;
    // Later events would seem to follow these.
    this.kept.length = 0;
  }

  private add(event: JetStreamEvent): void {
    const added = { number: ++this.count, event: shownEvent(event) };
    this.kept.push(added);
    if (this.kept.length > KEPT) this.kept.shift();
    for (const listener of this.listeners) listener(added);
  }
}
