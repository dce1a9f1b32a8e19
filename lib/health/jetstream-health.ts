import { Inject, Injectable, Logger } from '@nestjs/common';
import { Handlers } from '../consuming/index.js';
import { InvalidArgumentError } from '../errors/index.js';
import { JetStreamConnections } from '../handlers/index.js';
import type { JetStreamService } from '../jetstream/index.js';
import { Deadline } from '../timing/index.js';
import { CheckedApplication, namesOf } from './checked-application.js';
import { checkConnection } from './connection-check.js';
import { checkHandler, hangs } from './handler-check.js';
import {
  checked,
  type ConnectionHealthOptions,
  DEFAULT_GRACE,
  DEFAULT_STALLED_AFTER,
  DEFAULT_TIMEOUT,
  type HandlersHealthOptions,
  type LivenessOptions,
  type ResourcesHealthOptions,
} from './health-options.js';
import {
  type ConnectionReport,
  type HandlersReport,
  type LivenessReport,
  type ResourcesReport,
  summaryOf,
} from './health-report.js';
import {
  checkResource,
  checkStorage,
  type RequiredResource,
  type ResourceCheckContext,
} from './resource-check.js';
import { SharedAnswers } from './shared-answers.js';
import { Troubles } from './troubles.js';

/**
 * Checks the health of connections, handlers and resources, without `@nestjs/terminus`; see
 * {@link JetStreamHealthIndicator} for checks with it. Provided by {@link JetStreamHealthModule}.
 *
 * Use `liveness` for a liveness probe, because a restart does not help while NATS is unavailable, and the other checks
 * for a readiness probe. Each check ends within its `timeout`, also if the server hangs. Concurrent checks share their
 * requests, and an answer of the server is used again for a second.
 */
@Injectable()
export class JetStreamHealth {
  private readonly answers = new SharedAnswers();
  private readonly troubles = new Troubles();
  private readonly application: CheckedApplication;
  private hasWarned = false;

  /** @internal */
  constructor(
    @Inject(JetStreamConnections) connections: JetStreamConnections,
    @Inject(Handlers) handlers: Handlers,
  ) {
    this.application = new CheckedApplication(connections, handlers);
  }

  /**
   * Readiness: whether there is a link to the server, and the server answers within `timeout` (and `maxRtt`). It is
   * `down` from the moment in which the link is lost until the client has reconnected.
   *
   * @throws {@link InvalidArgumentError} if an option is invalid, or there is no such connection
   */
  async connection(options: ConnectionHealthOptions = {}): Promise<ConnectionReport> {
    const { connection, timeout = DEFAULT_TIMEOUT, maxRtt } = checked.connection(options);
    const deadline = new Deadline(timeout);
    const connections = await Promise.all(
      this.warnIfNone(this.application.all(connection)).map((service) =>
        checkConnection(service, { timeout, maxRtt }, this.answers, deadline),
      ),
    );
    const labeled = connections.map((each) => ({ ...each, label: `Connection "${each.connection}"` }));
    return { ...summaryOf(labeled), connections };
  }

  /**
   * Readiness: whether the handlers receive messages and end. It asks the server about each consumer.
   *
   * A handler is `down` if:
   * - it has been running for one message or batch for longer than `stalledAfter`;
   * - its consumer has messages to deliver, none of them is in flight, and it has delivered nothing for longer than
   *   `stalledAfter`. This does not count while the consumer is paused on the server, pins or prefers another instance
   *   (priority groups), limits its own rate, or replays at the original speed, nor while the handler holds messages back
   *   because of a rate limit or an open circuit;
   * - its consumer has more than `maxPending` messages to deliver;
   * - it has lost its consumer, its watch or the server, and has not recovered within `grace`;
   * - its connection was closed for good.
   *
   * A handler that was paused or stopped by a command is `up`. Without the permission for `CONSUMER.INFO`, only the state
   * of this process is checked, and `message` says so. Durable events and requests of a `JetStreamServer` are included
   * while it listens; plain requests are not: their callers have a time limit.
   *
   * @throws {@link InvalidArgumentError} if an option is invalid, or there is no such connection or handler
   */
  async handlers(options: HandlersHealthOptions = {}): Promise<HandlersReport> {
    const {
      connection,
      timeout = DEFAULT_TIMEOUT,
      grace = DEFAULT_GRACE,
      ...limits
    } = checked.handlers(options);
    const deadline = new Deadline(timeout);
    const { answers, troubles, application } = this;
    const selected = application.selected(this.warnIfNone(application.all(connection)), limits.handlers);
    const checks = selected.map(({ state, jetstream, key, own }) => {
      const { stalledAfter = limits.stalledAfter ?? DEFAULT_STALLED_AFTER } = own;
      const { maxPending = limits.maxPending ?? Infinity } = own;
      const context = { jetstream, key, answers, troubles, deadline };
      return checkHandler(state, { stalledAfter, maxPending, grace, timeout }, context);
    });
    const handlers = await Promise.all(checks);
    return { ...summaryOf(handlers.map((each) => ({ ...each, label: each.handler }))), handlers };
  }

  /**
   * Readiness: whether streams and buckets exist and have a leader, and the used storage of the account is below a share
   * of its limits. Streams and buckets are looked up on one connection: it must be named if the application has several.
   *
   * A missing stream, or a missing permission to look it up, is `down` at once; no leader and no answer only after `grace`.
   *
   * @throws {@link InvalidArgumentError} if an option is invalid, or there is no such connection
   */
  async resources(options: ResourcesHealthOptions = {}): Promise<ResourcesReport> {
    const {
      connection,
      timeout = DEFAULT_TIMEOUT,
      grace = DEFAULT_GRACE,
      ...wanted
    } = checked.resources(options);
    const deadline = new Deadline(timeout);
    const { answers, troubles } = this;
    const services = this.warnIfNone(this.application.modules(connection));
    const required = requiredOf(wanted);
    if (required.length > 0 && services.length > 1)
      throw new InvalidArgumentError('connection', `name one of ${namesOf(services)}`);
    const context = (jetstream: JetStreamService): ResourceCheckContext => {
      return { jetstream, grace, timeout, answers, troubles, deadline };
    };
    const { usedStorage } = wanted;
    const resources = await Promise.all([
      ...services.flatMap((each) => required.map(async (one) => [await checkResource(one, context(each))])),
      ...services.map((each) => (usedStorage === undefined ? [] : checkStorage(usedStorage, context(each)))),
    ]);
    const all = resources.flat();
    return {
      ...summaryOf(all.map((each) => ({ ...each, label: `${each.kind} "${each.name}"` }))),
      resources: all,
    };
  }

  /**
   * Liveness: whether a restart of the process would help. It is `down` only if a handler has been running for one
   * message or batch for longer than `stalledAfter`, or a connection was closed for good. It does not ask the server, and
   * does not depend on it.
   *
   * @throws {@link InvalidArgumentError} if an option is invalid, or there is no such connection or handler
   */
  liveness(options: LivenessOptions = {}): LivenessReport {
    const { connection, stalledAfter = DEFAULT_STALLED_AFTER, handlers } = checked.liveness(options);
    const services = this.application.all(connection);
    const hanging = this.application.selected(services, handlers).flatMap(({ state, own }) => {
      const message = hangs(state, own.stalledAfter ?? stalledAfter);
      if (message === undefined) return [];
      return [{ status: 'down', label: state.handler, message } as const];
    });
    const closed = services
      .filter(({ status }) => status.state === 'closed')
      .map((each) => each.connection.name);
    const ended = closed.map((name) => {
      const message = 'It was closed for good. Restart the application.';
      return { status: 'down', label: `Connection "${name}"`, message } as const;
    });
    return { ...summaryOf([...hanging, ...ended]), stalled: hanging.map(({ label }) => label), closed };
  }

  /** At startup it would be too early: microservice servers open their connections when they listen. */
  private warnIfNone(services: readonly JetStreamService[]): readonly JetStreamService[] {
    if (services.length > 0 || this.hasWarned) return services;
    this.hasWarned = true;
    new Logger('JetStreamHealth').warn(
      'The application has no connection that can be checked, so the check is up. Import JetStreamModule.forRoot, or remove ' +
        'JetStreamHealthModule.',
    );
    return services;
  }
}

function requiredOf({
  streams = [],
  buckets = [],
  objectStores = [],
}: ResourcesHealthOptions): readonly RequiredResource[] {
  return [
    ...streams.map((name) => ({ kind: 'stream', name }) as const),
    ...buckets.map((name) => ({ kind: 'bucket', name }) as const),
    ...objectStores.map((name) => ({ kind: 'object-store', name }) as const),
  ];
}
