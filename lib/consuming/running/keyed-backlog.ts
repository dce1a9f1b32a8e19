import { Ring, type JetStreamMessage } from '../../jetstream/index.js';
import type { Backlog } from './backlog.js';
import type { MessageKeys } from './message-keys.js';

/** The messages of one key: one may be in flight, and the others wait for it. */
class Lane {
  readonly waiting = new Ring<JetStreamMessage>();

  constructor(readonly key: unknown) {}
}

/**
 * Starts messages of one key one after another, while different keys run in parallel. A key has a lane only as long as
 * it has messages here.
 */
export class KeyedBacklog implements Backlog {
  private readonly lanes = new Map<unknown, Lane>();
  /** The lane of each started message. */
  private readonly started = new Map<JetStreamMessage, Lane>();
  /** Lanes that have a message to start and none in flight. */
  private readonly readyLanes = new Ring<Lane>();
  private waiting = 0;

  constructor(private readonly keys: MessageKeys) {}

  get size(): number {
    return this.waiting;
  }

  get ready(): boolean {
    return this.readyLanes.size > 0;
  }

  offer(message: JetStreamMessage): boolean {
    const key = this.keys.of(message);
    // Lanes that are already ready come first.
    if (this.readyLanes.size > 0 || this.lanes.has(key)) {
      this.wait(key, message);
      return false;
    }
    const lane = new Lane(key);
    this.lanes.set(key, lane);
    this.started.set(message, lane);
    return true;
  }

  add(message: JetStreamMessage): void {
    this.wait(this.keys.of(message), message);
  }

  take(): JetStreamMessage | undefined {
    const lane = this.readyLanes.shift();
    const message = lane?.waiting.shift();
    if (lane === undefined || message === undefined) return undefined;
    this.waiting--;
    this.started.set(message, lane);
    return message;
  }

  done(message: JetStreamMessage): void {
    const lane = this.started.get(message);
    if (lane === undefined) return;
    this.started.delete(message);
    if (lane.waiting.size > 0) this.readyLanes.push(lane);
    else this.lanes.delete(lane.key);
  }

  *[Symbol.iterator](): Generator<JetStreamMessage> {
    for (const lane of this.lanes.values()) yield* lane.waiting;
  }

  clear(): JetStreamMessage[] {
    const all = [...this];
    // A lane with a message in flight is removed when that message ends.
    for (const { key } of this.readyLanes) this.lanes.delete(key);
    for (const lane of this.lanes.values()) lane.waiting.clear();
    this.readyLanes.clear();
    this.waiting = 0;
    return all;
  }

  private wait(key: unknown, message: JetStreamMessage): void {
    let lane = this.lanes.get(key);
    if (lane === undefined) {
      lane = new Lane(key);
      this.lanes.set(key, lane);
      this.readyLanes.push(lane);
    }
    lane.waiting.push(message);
    this.waiting++;
  }
}
