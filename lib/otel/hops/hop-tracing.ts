import { Logger } from '@nestjs/common';
import { propagation, type Tracer } from '@opentelemetry/api';
import type { Msg } from '@nats-io/transport-node';
import type { JetStreamConnection } from '../../connection/index.js';
import type { ObservedHeaders, ObservedMessage } from '../../instruments/index.js';
import {
  OLDEST_REPORTING_SERVER,
  readReport,
  ReportedPaths,
  TRACE_DESTINATION,
  TRACE_ONLY,
} from '../../message-path/index.js';
import { errorText, heldBackText, ReportLimiter } from '../../reporting/index.js';
import { createInboxOf } from '../../requests/index.js';
import { headerOf } from '../propagation.js';
import { traceHops } from './hop-spans.js';

/** How many reports become spans in a second: anyone who may publish to their subject can send them. */
const MOST_PER_SECOND = 1_000;
/** The queue group of all instances that receive the reports about the messages of an account. */
const QUEUE = 'nestjs-nats-jetstream';

/**
 * Whether the caller has set headers of message tracing itself. A destination would then replace that of the caller, or
 * make a message disappear that is delivered without it.
 */
export function isTraced(message: ObservedMessage): boolean {
  return message.has(TRACE_DESTINATION) || message.has(TRACE_ONLY);
}

/** Turns what servers report about the path of messages into spans. */
export class HopTracing {
  private readonly logger = new Logger('JetStreamTracing');
  private readonly paths: ReportedPaths;
  private readonly ends: (() => unknown)[] = [];
  /** The subjects for reports, by the name of the connection. */
  private readonly inboxes = new Map<string, string>();
  private readonly rate = new Rate();
  private readonly limiter = new ReportLimiter();
  private serial = 0;
  private closed = false;

  /**
   * @param asked `true` asks for reports about single messages; a subject is the `msg_trace.dest` of the account, for which
   *   servers choose the messages
   */
  constructor(
    tracer: Tracer,
    private readonly asked: true | string,
  ) {
    this.paths = new ReportedPaths((reports) => {
      try {
        traceHops(tracer, reports);
      } catch (error) {
        this.logger.error(`The spans of servers were not created: ${errorText(error)}`);
      }
    });
  }

  /** Receives the reports of the servers of these connections. Never throws. */
  start(connections: readonly JetStreamConnection[]): void {
    for (const connection of connections) {
      if (!connection.isReady) {
        connection.whenReady(() => this.start([connection]));
        continue;
      }
      if (!connection.isOpen || this.closed) continue;
      if (connection.supports(OLDEST_REPORTING_SERVER)) this.listen(connection);
      else {
        this.logger.warn(
          `Connection "${connection.name}": there are no spans of servers, because nats-server ${connection.serverVersion} ` +
            `does not report the path of messages. Upgrade it to ${OLDEST_REPORTING_SERVER}, or remove the option tracing.hops.`,
        );
      }
    }
  }

  /** The value of `Nats-Trace-Dest` for a message; `undefined` if no report is asked for. */
  destination(connection: string): string | undefined {
    const inbox = this.inboxes.get(connection);
    return inbox === undefined ? undefined : `${inbox}.${++this.serial}`;
  }

  close(): void {
    this.closed = true;
    this.inboxes.clear();
    for (const end of this.ends) end();
    this.paths.flush();
  }

  private listen(connection: JetStreamConnection): void {
    const { asked } = this;
    if (asked === true) return this.listenToInbox(connection);
    this.subscribe(connection, asked, QUEUE, ({ data }) => this.receive(data));
  }

  /**
   * Without permission to publish to the inbox, the server would refuse every message that asks for a report. So nothing is
   * asked before a message of this connection has arrived there.
   */
  private listenToInbox(connection: JetStreamConnection): void {
    const inbox = createInboxOf(connection.nc);
    const trial = `${inbox}.0`;
    const attempt = (): void =>
      void connection.post(trial, '', { purpose: 'the trial of the inbox for reports of servers' });
    this.subscribe(connection, `${inbox}.*`, undefined, ({ data, subject }) => {
      if (subject === trial) this.inboxes.set(connection.name, inbox);
      else this.receive(data, subject);
    });
    const ignore = connection.listen({
      onPermissionDenied: (error) => {
        if (error.operation === 'publish' && error.subject.startsWith(`${inbox}.`))
          this.refused(connection, error);
      },
    });
    this.ends.push(ignore);
    attempt();
  }

  private subscribe(
    connection: JetStreamConnection,
    subject: string,
    queue: string | undefined,
    receive: (message: Msg) => void,
  ): void {
    try {
      const subscription = connection.wire.subscribe(subject, {
        queue,
        callback: (error, message) => (error === null ? receive(message) : this.refused(connection, error)),
      });
      this.ends.push(() => subscription.unsubscribe());
    } catch (error) {
      this.refused(connection, error);
    }
  }

  private refused({ name }: JetStreamConnection, error: unknown): void {
    this.inboxes.delete(name);
    this.logger.error(
      `Connection "${name}": there are no spans of servers: ${errorText(error)}. Grant the user this permission, or remove ` +
        'the option tracing.hops.',
    );
  }

  /** @param key identifies the message; without one it is its trace */
  private receive(data: Uint8Array, key?: string): void {
    if (!this.rate.admit()) return this.dropped();
    const report = readReport(data);
    if (report !== undefined) this.paths.add(key ?? traceOf(report.headers), report);
  }

  private dropped(): void {
    const heldBack = this.limiter.admit('dropped');
    if (heldBack === undefined) return;
    this.logger.warn(
      `More than ${MOST_PER_SECOND} reports of servers arrived in a second: the others are dropped, and their spans are missing` +
        `${heldBackText(heldBack)}. Lower the sampling, or check which clients may publish to the subject of the reports.`,
    );
  }
}

/** Allows a number of reports in each second. */
class Rate {
  private second = 0;
  private used = 0;

  admit(): boolean {
    const second = Math.floor(performance.now() / 1_000);
    if (second !== this.second) {
      this.second = second;
      this.used = 0;
    }
    return ++this.used <= MOST_PER_SECOND;
  }
}

/** Identifies the message of a report by the trace that its publisher has set. */
function traceOf(headers: ObservedHeaders): string {
  return propagation
    .fields()
    .map((field) => headerOf(headers, field))
    .join('\n');
}
