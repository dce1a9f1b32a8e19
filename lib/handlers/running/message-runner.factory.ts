import {
  BatchRunner,
  type CleanScope,
  type CompiledHandler,
  type ConsumerPosition,
  createRunner,
  deadLetterSource,
  filtersOf,
  fittingOnly,
  type HandlerSource,
  type LocalHandler,
  type MessageHandling,
  type MessageRunner,
  type OnCircuit,
  type PayloadDecoder,
  requireHeaders,
  retryInPlace,
  type Route,
  separateDecoder,
  type SettlementPolicy,
  SubjectRouter,
  TerminateMessage,
} from '../../consuming/index.js';
import type { HandlerForm, HandlerObserver, JetStreamInstruments } from '../../instruments/index.js';
import type { JetStreamMessage } from '../../jetstream/index.js';
import { scheduleSource } from '../../schedules/index.js';
import type { Acknowledgement } from '../acknowledging/index.js';
import type { HandlerCompiler } from '../compile/index.js';
import { getPublishTargets } from '../decorators/index.js';
import type { ConsumerPlan, PlannedMethod } from '../planning/index.js';
import { batchSource } from './batch-source.js';
import { codecsOf, messageSource } from './message-source.js';

/** Wraps a compiled handler, inside settlement. */
export type WrapHandler = (
  next: CompiledHandler<JetStreamMessage>,
  method: PlannedMethod,
  policy: SettlementPolicy,
) => CompiledHandler<JetStreamMessage>;

/** A route with the function to call if nothing is to be settled. */
type LocalRoute = Route & LocalHandler;

/** Creates the runner of a planned handler's methods. */
export class MessageRunnerFactory {
  private readonly observers = new Map<string, HandlerObserver | undefined>();

  constructor(
    private readonly compiler: HandlerCompiler,
    private readonly ack: Acknowledgement,
    private readonly wrap: WrapHandler,
    private readonly scope: CleanScope,
    private readonly instruments: JetStreamInstruments,
  ) {}

  create(plan: ConsumerPlan, consumer: string, onCircuit: OnCircuit, stopped: AbortSignal): MessageRunner {
    const { options } = plan;
    if (options.batch) return this.batches(plan, consumer, options.batch);
    return createRunner(plan, this.handling(plan, consumer, stopped), onCircuit);
  }

  private handling(plan: ConsumerPlan, consumer: string, stopped: AbortSignal): MessageHandling {
    const [first, ...rest] = plan.methods;
    const { scope } = this;
    const { settlement: ack } = this.ack;
    const whole = this.route(plan, first, consumer, stopped);
    const { localHandlers } = plan.connection;
    if (first.method.patterns.length === 0) {
      localHandlers.add(whole.policy, () => whole);
      return { ack, scope, route: whole };
    }
    const other = this.unroutable(plan, whole.policy);
    const routes = [
      { method: first.method, target: whole },
      ...rest.map((planned) => ({
        method: planned.method,
        target: this.route(plan, planned, consumer, stopped),
      })),
    ].flatMap(({ method, target }) => method.patterns.map((pattern) => ({ pattern, target })));
    const router = new SubjectRouter(routes, (matching): LocalRoute => matching[0] ?? other);
    localHandlers.add(whole.policy, (subject) => router.find(subject));
    return { ack, scope, route: other, router };
  }

  private route(
    plan: ConsumerPlan,
    planned: PlannedMethod,
    consumer: string,
    stopped: AbortSignal,
  ): LocalRoute {
    const { options } = plan;
    const policy: SettlementPolicy = { ...planned.policy, consumer };
    const source = sourceOf(plan, policy, planned);
    const wantsEveryValue = getPublishTargets(planned.method.callback).length > 0;
    const method = this.compiler.compile(planned.method, { ...source, wantsEveryValue });
    const wrapped = this.wrap(method, planned, policy);
    const compiled: CompiledHandler<JetStreamMessage> = (message) => {
      requireHeaders(message.headersValid);
      return wrapped(message);
    };
    const fitting = plan.deadLetters ? fittingOnly(compiled, plan.deadLetters) : compiled;
    const unsettled = options.ordered ? retryInPlace(fitting, policy, stopped) : fitting;
    const settled = this.ack.around(unsettled, planned.method, source, policy);
    const observer = this.observer(plan, policy.handler, planned.method.patterns);
    return { policy, unsettled, observer, handler: observer?.around(settled, alone) ?? settled };
  }

  /** Asks the instruments of the application about a handler, once: it may be started several times. */
  private observer(
    plan: ConsumerPlan,
    handler: string,
    patterns: readonly string[],
  ): HandlerObserver | undefined {
    if (this.observers.has(handler)) return this.observers.get(handler);
    const { connection, stream, options } = plan;
    const observer = this.instruments.handler({
      handler,
      form: formOf(plan),
      connection: connection.name,
      source: stream,
      consumer: options.durable ?? options.name,
      patterns: patterns.length > 0 ? patterns : filtersOf(options),
      group: options.durable ?? options.name ?? (isRouted(plan) ? plan.handler : undefined),
    });
    this.observers.set(handler, observer);
    return observer;
  }

  /** Handles a message that no method of a class matches. */
  private unroutable(plan: ConsumerPlan, { handler: _, ...rest }: SettlementPolicy): LocalRoute {
    const { handler } = plan;
    const refuse = (message: JetStreamMessage): never => {
      throw new TerminateMessage(`no @JsHandler of ${handler} matches "${message.subject}"`);
    };
    const policy = { ...rest, handler };
    const observer = this.observer(plan, handler, []);
    return { policy, observer, handler: observer?.around(refuse, alone) ?? refuse, unsettled: refuse };
  }

  private batches(
    plan: ConsumerPlan,
    consumer: string,
    batch: NonNullable<ConsumerPlan['options']['batch']>,
  ): MessageRunner {
    const [{ method, policy: planned, schema }] = plan.methods;
    const policy: SettlementPolicy = { ...planned, consumer };
    const compiled = this.compiler.compile(method, batchSource(policy));
    const observer = this.observer(plan, policy.handler, []);
    const handler = observer?.around(compiled, ({ messages }) => messages) ?? compiled;
    const decoder = separateDecoder(codecsOf(plan), schema, this.scope);
    const decode: PayloadDecoder = (message) => {
      requireHeaders(message.headersValid);
      return decoder(message);
    };
    plan.connection.localHandlers.add(policy, () => ({
      policy,
      unsettled: async (message) => compiled({ messages: [message], payloads: [await decode(message)] }),
    }));
    const handling = {
      handler,
      observer,
      decode,
      ack: this.ack.settlement,
      scope: this.scope,
      policy,
      inspect: plan.options.ackPolicy === 'all' ? () => positionOf(plan, consumer) : undefined,
    };
    return new BatchRunner(handling, batch, plan.running);
  }
}

function sourceOf(
  plan: ConsumerPlan,
  policy: SettlementPolicy,
  { schema }: PlannedMethod,
): HandlerSource<JetStreamMessage> {
  if (plan.deadLetters) return deadLetterSource((stream) => codecsOf({ ...plan, stream }), policy);
  const source = messageSource(codecsOf(plan), policy, schema);
  return plan.schedule ? scheduleSource(source, policy, plan.schedule.reader) : source;
}

/** Whether methods of a class share the consumer. */
function isRouted({ methods: [first] }: ConsumerPlan): boolean {
  return first.method.patterns.length > 0;
}

function formOf({ options, delivery }: ConsumerPlan): HandlerForm {
  if (options.batch) return 'batch';
  return delivery.mode === 'pull' ? 'consumer' : delivery.mode;
}

/** The deliveries of a call that handles one message. */
function alone(message: JetStreamMessage): readonly JetStreamMessage[] {
  return [message];
}

async function positionOf({ connection, stream }: ConsumerPlan, name: string): Promise<ConsumerPosition> {
  const consumer = await connection.jetstream.consumer(stream, name);
  const { numAckPending, delivered, ackFloor } = consumer.cachedInfo;
  return {
    ackPending: numAckPending,
    delivered: delivered.consumerSequence,
    floor: ackFloor.streamSequence,
  };
}
