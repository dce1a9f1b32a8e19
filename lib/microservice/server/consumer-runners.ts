import {
  CleanScope,
  type CompiledHandler,
  ConsumerHandler,
  type ConsumerSource,
  createRunner,
  DeadLetterLookout,
  type DeadLetters,
  type HandlerRunner,
  HeldHandler,
  type JetStreamEvents,
  type NotStarted,
  planRunning,
  retryInPlace,
  type RunningPlan,
  type Settlement,
  settlementOf,
  type SettlementPolicy,
  stopInTime,
  SubjectRouter,
  TerminateMessage,
  throwProblems,
} from '../../consuming/index.js';
import type { HandlerObserver } from '../../instruments/index.js';
import type { JetStreamMessage } from '../../jetstream/index.js';
import type { JetStreamEventContext } from '../context/index.js';
import { type AnswerDeliveries, eventHandler, type MessageReader, requestHandler } from '../events/index.js';
import type { ProcessingHooks } from '../serving/index.js';
import type { ConsumerGroup } from './consumer-planner.js';
import { type Registration, together } from './registration.js';

/** The services that all consumers of one server share. */
export interface ConsumingContext {
  readonly connection: ConsumerSource['connection'];
  readonly readerOf: (stream: string) => MessageReader;
  readonly deliveries: AnswerDeliveries;
  readonly hooks: ProcessingHooks | undefined;
  readonly settlement: Settlement | undefined;
  /** Its replays find the handlers of this server. */
  readonly deadLetters: DeadLetters | undefined;
  /** Receives the events of consumers. */
  readonly events: JetStreamEvents;
}

type Planned = ConsumerSource & RunningPlan & { readonly group: ConsumerGroup };

/** Runs the durable events and requests of a server, with the same runner as decorated handlers. */
export class ConsumerRunners {
  private readonly lookout = new DeadLetterLookout();
  private readonly scope = new CleanScope();
  /** The handlers, from the start on. */
  handlers: readonly HandlerRunner[] = [];
  private stopped = false;

  constructor(private readonly consuming: ConsumingContext) {}

  /**
   * @param autoStart whether the handlers are started; otherwise they are only listed, like those that are not enabled
   * @throws {@link HandlerConfigurationError} if consumers, or the dead-letter stream, cannot be created
   */
  async start(groups: readonly ConsumerGroup[], autoStart: boolean): Promise<void> {
    const plans = groups.map((group): Planned => ({
      ...planRunning(group.name, this.consuming.connection, group.options),
      schedules: group.schedules,
      group,
    }));
    const starting = plans.filter(({ group }) => autoStart && group.enabled);
    await this.lookout.start(starting);
    if (this.stopped) return;
    const started = starting.map((plan) => this.handler(plan));
    const held = plans
      .filter((plan) => !starting.includes(plan))
      .map((plan) => this.held(plan, plan.group.enabled ? 'autoStart' : 'enabled'));
    this.handlers = [...started, ...held];
    const outcomes = await Promise.allSettled(started.map((handler) => handler.start()));
    throwProblems(
      outcomes,
      starting.map(({ handler }) => handler),
    );
  }

  private held(plan: Planned, notStarted: NotStarted): HandlerRunner {
    const { handler, stream, delivery, connection } = plan;
    const state = {
      handler,
      kind: 'consumer',
      source: stream,
      delivery: delivery.mode,
      notStarted,
    } as const;
    return new HeldHandler(state, connection.jetstream.connection, async () => {
      await this.lookout.start([plan]);
      return this.handler(plan);
    });
  }

  /** Stops receiving, waits up to `timeout` milliseconds for messages in flight, and returns the rest. */
  async stop(timeout: number): Promise<void> {
    this.stopped = true;
    await Promise.all([
      this.lookout.stop(timeout),
      ...this.handlers.map((handler) => stopInTime(handler, timeout)),
    ]);
  }

  private handler(plan: Planned): ConsumerHandler {
    const { ack, around } = settlementOf(this.consuming.settlement);
    const observer = this.observer(plan);
    return new ConsumerHandler(
      plan,
      (consumer, onCircuit, stopped) => {
        const policy: SettlementPolicy = { ...plan.policy, handler: plan.handler, consumer };
        const handler = this.compile(plan.group, policy);
        const settled = around(
          plan.options.ordered ? retryInPlace(handler, policy, stopped) : handler,
          policy,
        );
        const route = {
          policy,
          observer,
          handler: observer?.around(settled, (message) => [message]) ?? settled,
        };
        this.consuming.deadLetters?.handlers.add(policy, () => ({ policy, unsettled: handler }));
        return createRunner(plan, { ack, route, scope: this.scope }, onCircuit);
      },
      this.consuming.events,
    );
  }

  /** Asks the instruments about the patterns of one consumer. */
  private observer({ handler, stream, options, group }: Planned): HandlerObserver | undefined {
    const { name, jetstream } = this.consuming.connection;
    return jetstream.connection.instruments.handler({
      handler,
      form: group.registrations.some(({ isEvent }) => !isEvent) ? 'request' : 'event',
      connection: name,
      source: stream,
      consumer: options.durable ?? options.name,
      patterns: group.registrations.map(({ pattern }) => pattern),
      group: options.durable ?? options.name,
    });
  }

  private compile(
    { registrations }: ConsumerGroup,
    policy: SettlementPolicy,
  ): CompiledHandler<JetStreamMessage> {
    const reader = this.consuming.readerOf(policy.stream);
    const router = new SubjectRouter(
      registrations.map((target) => ({ pattern: target.pattern, target })),
      (matching) => this.route(matching, policy, reader),
    );
    return (message) => router.find(message.subject)(message);
  }

  /** The route of a subject: its request handler, or all of its event handlers. */
  private route(
    matching: readonly Registration[],
    policy: SettlementPolicy,
    reader: MessageReader,
  ): CompiledHandler<JetStreamMessage> {
    const { hooks, deliveries } = this.consuming;
    // It is unknown whether a message without a handler is an event or a request; if it is a request, its caller gets
    // an error.
    if (matching.length === 0) return requestHandler(refuse, reader, policy, undefined, deliveries);
    const request = matching.find(({ isEvent }) => !isEvent);
    if (request) return requestHandler(request.handler, reader, policy, hooks, deliveries);
    return eventHandler(together(matching.map(({ handler }) => handler)), reader, policy, hooks);
  }
}

/** A consumer may deliver messages for a handler that the service no longer has. */
async function refuse(_data: unknown, { subject }: JetStreamEventContext): Promise<never> {
  throw new TerminateMessage(`no handler for "${subject}"`);
}
