import { AsyncLocalStorage } from 'node:async_hooks';
import { ConsoleLogger, type LoggerService } from '@nestjs/common';
import type { CallResult, Ending, ObservedDelivery, ObservedHandler } from '../../../instruments/index.js';
import type { DeadLetteredMessage, HandledMessage } from '../flow.js';
import { type HandlerGroup, HandlerGroups } from './handler-groups.js';
import { messageIdOf } from './message-header.js';
import { PendingDelivery, type StatusOf } from './pending-delivery.js';
import { type Pending, RunningFlow } from './running-flow.js';
import { Waits } from './wait.js';

/** Decodes the payload of a message on a connection. */
export type DecodePayload = (
  data: Uint8Array | string,
  about: { readonly connection: string; readonly stream?: string | undefined; readonly subject: string },
  headers?: ObservedDelivery['headers'],
) => unknown;

/** A message, or a change of a key or object, and its deliveries to groups of handlers. */
export class TrackedMessage {
  stream: string | undefined;
  sequence: number | undefined;
  /** By group and subject: a dead letter has the id of its original, but another subject. */
  readonly deliveries = new Map<string, PendingDelivery>();

  constructor(
    readonly id: number,
    readonly flows: readonly RunningFlow[],
    readonly subject: string,
  ) {}

  get place(): string {
    return this.stream === undefined ? '' : ` (${this.stream}, sequence ${this.sequence ?? 'unknown'})`;
  }
}

/** A message that is being published. */
export interface SentMessage {
  readonly subject: string;
  /** The payload as it was encoded, decoded again. */
  readonly payload: unknown;
}

/** A delivery that has just ended, and its dead letter. */
export interface News {
  /** `undefined` if the message was returned before its handler was called. */
  readonly handled?: HandledMessage | undefined;
  readonly deadLettered?: DeadLetteredMessage | undefined;
}

/** The outcomes after which a message is delivered again. */
const NOT_FINAL: ReadonlySet<string> = new Set(['retried', 'released', 'lost']);

/** Follows messages from their publish to the end of their last delivery, by flows. */
export class FlowTracker {
  readonly groups = new HandlerGroups();
  /** Everything that belongs to no other flow, such as what a timer of the application publishes. */
  readonly ambient = new RunningFlow(() => this.checkIdle());
  /** Called for each delivery that has ended. */
  readonly listeners = new Set<(news: News) => void>();
  /** Called for each message that is being published. They must not throw. */
  readonly publishing = new Set<(message: SentMessage) => void>();
  /** Messages and actions of the test that failed. */
  readonly failures: { readonly name: string; readonly error: unknown }[] = [];
  /** The waits of the test. */
  readonly waits = new Waits();
  /** All deliveries since the start, or since they were forgotten. */
  readonly everything = new RunningFlow();
  /** The message of the request that is being published. */
  request: TrackedMessage | undefined;
  /** Receives the warnings of the kit. */
  logger: LoggerService = new ConsoleLogger();
  statusOf: StatusOf = () => undefined;
  decode: DecodePayload = (data) => data;

  private readonly context = new AsyncLocalStorage<readonly RunningFlow[]>();
  private readonly running = new Set<RunningFlow>([this.ambient]);
  /** The flows that adopt what begins outside of any flow. */
  private readonly adopting = new Set<RunningFlow>();
  private readonly messages = new Map<number, TrackedMessage>();
  /** By group and subject: deliveries that a later change of the key or object replaces. */
  private readonly replaceable = new Map<string, Map<PendingDelivery, TrackedMessage>>();
  /** Messages without the header of this kit, by their place. */
  private readonly foreign = new Map<string, TrackedMessage>();
  private readonly current = new WeakMap<
    ObservedDelivery,
    { message: TrackedMessage; pending: PendingDelivery }
  >();
  private readonly idling = new Set<() => void>();
  private lastId = 0;

  /** Creates a flow. */
  open(): RunningFlow {
    const flow: RunningFlow = new RunningFlow(
      () => this.checkIdle(),
      () => this.groups.names,
    );
    this.running.add(flow);
    return flow;
  }

  /** Calls a function in a flow. */
  inside<Result>(flow: RunningFlow, act: () => Result): Result {
    return this.context.run([flow], act);
  }

  /** Adds what begins outside of any flow to this one, until the returned function is called. */
  adopt(flow: RunningFlow): () => void {
    this.adopting.add(flow);
    return () => this.adopting.delete(flow);
  }

  /** The flows of the code that is running. */
  get flows(): readonly RunningFlow[] {
    const known = this.context.getStore();
    if (known !== undefined) return known;
    return this.adopting.size > 0 ? [...this.adopting] : [this.ambient];
  }

  /** Whether nothing is pending in any flow. */
  get isIdle(): boolean {
    return [...this.running].every(({ isSettled }) => isSettled);
  }

  get allPending(): readonly RunningFlow[] {
    return [...this.running].filter(({ isSettled }) => !isSettled);
  }

  /** All that is pending, for errors. */
  describePending(): readonly ReturnType<Pending['describe']>[] {
    return this.allPending.flatMap(({ work }) => work.map((each) => each.describe()));
  }

  /** The deliveries whose handlers are running. */
  get runningDeliveries(): readonly PendingDelivery[] {
    const deliveries = [...this.running].flatMap(({ work }) =>
      work.filter((each) => each instanceof PendingDelivery),
    );
    return [...new Set(deliveries)].filter(({ isRunning }) => isRunning);
  }

  /** Calls a function when nothing is pending in any flow; the returned function cancels that. */
  whenIdle(act: () => void): () => void {
    this.idling.add(act);
    return () => this.idling.delete(act);
  }

  private checkIdle(): void {
    if (this.idling.size === 0 || !this.isIdle) return;
    for (const act of this.idling) act();
    this.idling.clear();
  }

  /** Creates a message that is about to be sent. */
  send(flows: readonly RunningFlow[], subject: string): TrackedMessage {
    const message = new TrackedMessage(++this.lastId, flows, subject);
    this.messages.set(message.id, message);
    return message;
  }

  /** Expects a sent message at the groups that receive it, except those at which it has arrived already. */
  expect(message: TrackedMessage, groups: readonly HandlerGroup[], subject = message.subject): void {
    const { sequence = Infinity } = message;
    for (const group of groups) {
      const key = keyOf(group, subject);
      if (message.deliveries.has(key)) continue;
      // A later change of the key was delivered instead.
      if (this.groups.replaces(group) && (group.delivered.get(subject) ?? 0) >= sequence) continue;
      this.begin(message, group, subject);
    }
  }

  /** Marks the flows of a delivery as those of the code that a function runs. */
  run(deliveries: readonly ObservedDelivery[], next: () => void): void {
    const flows = deliveries.flatMap((delivery) => this.flowsOf(delivery));
    this.context.run([...new Set(flows)], next);
  }

  flowsOf(delivery: ObservedDelivery): readonly RunningFlow[] {
    return this.current.get(delivery)?.message.flows ?? [this.ambient];
  }

  /** The message of a delivery. */
  messageOf(delivery: ObservedDelivery): TrackedMessage | undefined {
    return this.current.get(delivery)?.message;
  }

  started(group: HandlerGroup, { handler }: ObservedHandler, delivery: ObservedDelivery): void {
    const { pending } = this.arrived(group, delivery);
    pending.started(handler, delivery);
  }

  ended(group: HandlerGroup, about: ObservedHandler, delivery: ObservedDelivery, ending: Ending): void {
    const { message, pending } = this.current.get(delivery) ?? this.arrived(group, delivery);
    const { outcome, error, delay, reason, duration, failed } = ending;
    const deliveryCount = delivery.metadata?.deliveryCount ?? 1;
    const { handler, connection } = about;
    const { subject } = delivery;
    const payload = this.decode(
      delivery.data,
      { connection, stream: streamOf(about, delivery), subject },
      delivery.headers,
    );
    const wasHandled = outcome !== 'released';
    const entry: HandledMessage = {
      handler,
      subject,
      payload,
      outcome,
      failed,
      ...(failed && { error }),
      ...(reason !== undefined && { reason }),
      deliveryCount,
      duration,
    };
    const letter: DeadLetteredMessage | undefined =
      outcome === 'dead-lettered'
        ? { handler, subject, payload, reason: reason ?? '', error, deliveryCount }
        : undefined;
    for (const flow of [...message.flows, this.everything]) {
      if (wasHandled) flow.handled.push(entry);
      if (letter !== undefined) flow.deadLettered.push(letter);
    }
    const isOver = !NOT_FINAL.has(outcome) || (group.kind === 'core' && outcome === 'released');
    if (isOver) pending.finished(delivery, outcome);
    else pending.returned(delivery, error, delay, outcome === 'lost');
    if (pending.hasEnded) this.finish(message, pending);
    const news: News = { handled: wasHandled ? entry : undefined, deadLettered: letter };
    for (const listener of this.listeners) listener(news);
  }

  /** Records the result of a publish, in its flows. */
  published(message: TrackedMessage, payload: unknown, { stream, error }: CallResult): void {
    const { subject, sequence } = message;
    const entry = { subject, payload, stream, sequence, ...(error !== undefined && { error }) };
    for (const flow of [...message.flows, this.everything]) flow.published.push(entry);
  }

  private arrived(
    group: HandlerGroup,
    delivery: ObservedDelivery,
  ): { message: TrackedMessage; pending: PendingDelivery } {
    const message = this.find(group, delivery);
    const { subject } = delivery;
    const sequence = delivery.metadata?.streamSequence ?? delivery.revision;
    message.stream ??= delivery.metadata?.stream ?? group.source;
    message.sequence ??= sequence;
    this.supersede(group, subject, sequence);
    const key = keyOf(group, subject);
    let pending = message.deliveries.get(key);
    if (pending === undefined || pending.isOver) {
      const earlier = pending;
      pending = this.begin(message, group, subject);
      pending.follow(earlier, delivery);
    }
    const arrived = { message, pending };
    this.current.set(delivery, arrived);
    return arrived;
  }

  /** Earlier changes of a key are not delivered any more after a later one. */
  private supersede(group: HandlerGroup, subject: string, sequence: number | undefined): void {
    if (sequence === undefined || !this.groups.replaces(group)) return;
    if ((group.delivered.get(subject) ?? 0) < sequence) group.delivered.set(subject, sequence);
    for (const [pending, other] of this.replaceable.get(keyOf(group, subject)) ?? []) {
      if ((other.sequence ?? Infinity) < sequence && !pending.isRunning) this.finish(other, pending);
    }
  }

  /** A delivery to a group, which the flows of the message wait for. */
  private begin(message: TrackedMessage, group: HandlerGroup, subject: string): PendingDelivery {
    const key = keyOf(group, subject);
    const pending = new PendingDelivery(
      group,
      subject,
      (handler) => this.statusOf(handler),
      () => message.place,
    );
    message.deliveries.set(key, pending);
    for (const flow of message.flows) flow.begin(pending);
    if (this.groups.replaces(group)) {
      const others = this.replaceable.get(key) ?? new Map<PendingDelivery, TrackedMessage>();
      this.replaceable.set(key, others.set(pending, message));
    }
    return pending;
  }

  private finish(message: TrackedMessage, pending: PendingDelivery): void {
    pending.isOver = true;
    const key = keyOf(pending.group, pending.subject);
    const others = this.replaceable.get(key);
    if (others?.delete(pending) === true && others.size === 0) this.replaceable.delete(key);
    for (const flow of message.flows) flow.end(pending);
  }

  private find(group: HandlerGroup, delivery: ObservedDelivery): TrackedMessage {
    const id = messageIdOf(this, delivery);
    const known = id === undefined ? undefined : this.messages.get(id);
    if (known !== undefined) return known;
    const { metadata, revision, subject } = delivery;
    const message = (): TrackedMessage => new TrackedMessage(0, [this.ambient], subject);
    // Messages of core NATS have no place.
    if (metadata === undefined && revision === undefined) return message();
    const place = `${metadata?.stream ?? group.source} ${metadata?.streamSequence ?? revision}`;
    let found = this.foreign.get(place);
    if (found === undefined) this.foreign.set(place, (found = message()));
    return found;
  }
}

function keyOf({ key }: HandlerGroup, subject: string): string {
  return `${key}|${subject}`;
}

function streamOf({ form, source }: ObservedHandler, { metadata }: ObservedDelivery): string | undefined {
  if (form === 'kv-watch') return `KV_${source}`;
  return metadata?.stream;
}
