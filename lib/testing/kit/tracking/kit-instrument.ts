import {
  FLOW_HEADER,
  type CallResult,
  type HandlerInstrument,
  type JetStreamInstrument,
  type ObservedCall,
  type ObservedHandler,
  type ObservedMessage,
  type ObservedOperation,
  type OperationInstrument,
  type OperationKind,
} from '../../../instruments/index.js';
import type { PendingWork } from '../errors.js';
import type { FlowTracker, TrackedMessage } from './flow-tracker.js';
import { headerOf } from './message-header.js';
import type { Pending, RunningFlow } from './running-flow.js';

/**
 * Operations that are not waited for. The content of an object may never be read to its end; other operations are waited for even if
 * they change nothing, because their caller continues then.
 */
const IGNORED: ReadonlySet<OperationKind> = new Set(['object-get']);
/** Operations whose messages are published by the application. */
const PUBLISHES: ReadonlySet<OperationKind> = new Set(['publish', 'publish-batch', 'ingest', 'replay']);
const DELETIONS: ReadonlySet<OperationKind> = new Set(['kv-delete', 'kv-purge', 'object-delete']);
const DEAD_LETTER_STREAM = 'DEAD_LETTERS';

/** Reports all messages of an application to a {@link FlowTracker}. */
export class KitInstrument implements JetStreamInstrument {
  /** @param isGone whether the application that reports is closed, so that its handlers receive nothing any more */
  constructor(
    private readonly tracker: FlowTracker,
    private readonly isGone: () => boolean = () => false,
  ) {}

  handler(handler: ObservedHandler): HandlerInstrument {
    const { tracker } = this;
    const group = tracker.groups.add(handler, this.isGone);
    return {
      started: (delivery) => tracker.started(group, handler, delivery),
      run: (deliveries, next) => tracker.run(deliveries, next),
      ended: (delivery, ending) => tracker.ended(group, handler, delivery, ending),
    };
  }

  operation(operation: ObservedOperation): OperationInstrument | undefined {
    return IGNORED.has(operation.kind) ? undefined : new KitOperations(this.tracker, operation);
  }
}

/** An operation that has not ended. */
class PendingOperation implements Pending {
  readonly messages: { readonly message: TrackedMessage; readonly payload: unknown }[] = [];
  private readonly since = performance.now();

  constructor(
    readonly flows: readonly RunningFlow[],
    private readonly kind: OperationKind,
    private readonly target: string,
  ) {}

  describe(): PendingWork & { readonly text: string } {
    const { kind, target: subject } = this;
    const age = Math.round(performance.now() - this.since);
    const name = subject === '' ? kind : `${kind} "${subject}"`;
    return { subject, state: 'publishing', deliveryCount: 0, text: `${name} has not ended for ${age} ms` };
  }
}

/** Reports the operations of one kind. */
class KitOperations implements OperationInstrument {
  private readonly pending = new WeakMap<ObservedCall, PendingOperation>();

  constructor(
    private readonly tracker: FlowTracker,
    private readonly operation: ObservedOperation,
  ) {}

  started(call: ObservedCall): void {
    const { tracker } = this;
    const flows = call.delivery === undefined ? tracker.flows : tracker.flowsOf(call.delivery);
    const pending = new PendingOperation(flows, this.operation.kind, call.target);
    this.pending.set(call, pending);
    for (const flow of flows) flow.begin(pending);
  }

  /** A request that is stored in a stream publishes its message inside, which has the header already. */
  run(call: ObservedCall, next: () => void): void {
    const { tracker } = this;
    tracker.request =
      this.operation.kind === 'request' ? this.pending.get(call)?.messages[0]?.message : undefined;
    next();
    tracker.request = undefined;
  }

  headers(call: ObservedCall, sent: ObservedMessage): Readonly<Record<string, string>> | undefined {
    const { tracker } = this;
    const { subject, data } = sent;
    const { kind, connection } = this.operation;
    const pending = this.pending.get(call);
    const isPublish = PUBLISHES.has(kind);
    const payload = isPublish ? tracker.decode(data, { connection, subject }) : undefined;
    if (isPublish) for (const notice of tracker.publishing) notice({ subject, payload });
    if (sent.has(FLOW_HEADER)) {
      if (tracker.request !== undefined)
        pending?.messages.push({ message: tracker.request, payload: undefined });
      return undefined;
    }
    const isMessage = isPublish || kind === 'request';
    // Watches name a change by its key or name.
    const message = tracker.send(pending?.flows ?? tracker.flows, isMessage ? subject : call.target);
    pending?.messages.push({ message, payload });
    return headerOf(tracker, message.id);
  }

  ended(call: ObservedCall, result: CallResult): void {
    const pending = this.pending.get(call);
    if (pending === undefined) return;
    this.expectDeliveries(call, pending, result);
    for (const flow of pending.flows) flow.end(pending);
  }

  private expectDeliveries(call: ObservedCall, { messages }: PendingOperation, result: CallResult): void {
    const { tracker } = this;
    const { groups } = tracker;
    const { kind } = this.operation;
    const { stream, sequence, error, duplicate } = result;
    const isStored = error === undefined && duplicate !== true;
    if (kind === 'dead-letter') return isStored ? this.expectDeadLetter(call) : undefined;
    const isChange = !PUBLISHES.has(kind) && kind !== 'request';
    // A change is described again if another client was faster; only the last attempt is stored.
    const sent = isChange ? messages.slice(-1) : messages;
    sent.forEach(({ message, payload }, i) => {
      message.stream = stream ?? this.operation.source;
      // The result names the last message of a batch.
      message.sequence = sequence === undefined ? undefined : sequence - (sent.length - 1 - i);
      if (PUBLISHES.has(kind)) tracker.published(message, payload, result);
      if (!isStored) return;
      if (PUBLISHES.has(kind)) tracker.expect(message, groups.ofMessage(message.subject, stream));
      else if (isChange) this.expectWatches(message);
    });
  }

  private expectWatches(message: TrackedMessage): void {
    const { kind, source } = this.operation;
    // Nothing changed, for example because the object was deleted already.
    if (source === undefined || message.sequence === undefined) return;
    const watch = kind.startsWith('kv-') ? 'kv-watch' : 'object-watch';
    const { tracker } = this;
    const groups = tracker.groups.ofChange(watch, source, message.subject, DELETIONS.has(kind));
    tracker.expect(message, groups);
  }

  /** A dead letter has the header of its original. */
  private expectDeadLetter({ delivery }: ObservedCall): void {
    const { tracker } = this;
    const original = delivery && tracker.messageOf(delivery);
    if (original === undefined || delivery?.metadata === undefined) return;
    const { stream, consumer } = delivery.metadata;
    const subject = `dead-letters.${stream}.${consumer}`;
    tracker.expect(original, tracker.groups.ofStream(DEAD_LETTER_STREAM, subject), subject);
  }
}
