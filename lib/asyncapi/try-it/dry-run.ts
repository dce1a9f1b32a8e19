import { MessageHeaders, type JetStreamConnection } from '../../connection/index.js';
import { PermissionDeniedError, StreamNotFoundError } from '../../errors/index.js';
import { type JetStreamService, subjectsOverlap } from '../../jetstream/index.js';
import {
  connectionKind,
  OLDEST_REPORTING_SERVER,
  readReport,
  ReportedPaths,
  type ServerReport,
  TRACE_DESTINATION,
  TRACE_ONLY,
} from '../../message-path/index.js';
import { isInstance } from '../../reporting/index.js';
import { createInboxOf } from '../../requests/index.js';
import { Timer } from '../../timing/index.js';
import { TryItRefusal } from './refusal.js';

/** At most this many consumers of a stream are listed. */
const MOST_CONSUMERS = 100;

/** The streams and clients that a message would reach. */
export interface DryRun {
  readonly subject: string;
  /** The servers that reported, in the order of the path. */
  readonly servers: readonly {
    readonly name: string;
    readonly cluster?: string;
    readonly version?: string;
  }[];
  readonly streams: readonly ReachedStream[];
  readonly clients: readonly ReachedClient[];
  /** The subjects to which servers would change that of the message. */
  readonly mappedTo: readonly string[];
  /** The errors that servers reported, such as a missing permission. */
  readonly errors: readonly string[];
}

/** A stream that would store the message, or has to refuse it. */
export interface ReachedStream {
  readonly stream: string;
  readonly subject: string;
  /** The consumers whose filters match; `undefined` if they cannot be listed. */
  readonly consumers: readonly string[] | undefined;
}

/** A subscription that would get the message. */
export interface ReachedClient {
  /** `client`, `leaf node` and others. */
  readonly kind: string;
  readonly name?: string;
  readonly subscription?: string;
  readonly queue?: string;
}

/** A message that is prepared to be sent. */
export interface PreparedMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly contentType: string | undefined;
}

/** Whether the servers of a connection report the path of messages. */
export function supportsDryRun(connection: JetStreamConnection): boolean {
  return (connection.isOpen || connection.isLazy) && connection.supports(OLDEST_REPORTING_SERVER);
}

/**
 * Asks the servers what a message would reach. They neither deliver nor store it (ADR-41). An older server would ignore
 * the request and deliver the message, so nothing is sent to one.
 *
 * @throws {@link UnsupportedServerFeatureError}; {@link TryItRefusal} if no server reports in time
 */
export async function dryRun(
  jetstream: JetStreamService,
  message: PreparedMessage,
  timeout: number,
): Promise<DryRun> {
  const reports = await traced(jetstream.connection, message, timeout);
  const steps = reports.flatMap((report) => report.steps);
  const stored = steps.filter(({ type }) => type === 'js').map(({ values }) => values);
  const streams = new Map(
    stored.map(({ stream, subject }) => [String(stream), String(subject ?? message.subject)]),
  );
  return {
    subject: message.subject,
    servers: reports.map(({ server: { name, cluster, version } }) => ({
      name,
      ...(cluster !== undefined && { cluster }),
      ...(version !== undefined && { version }),
    })),
    streams: await Promise.all(
      [...streams].map(async ([stream, subject]) => ({
        stream,
        subject,
        consumers: await consumersOf(jetstream, stream, subject, timeout),
      })),
    ),
    clients: steps
      .filter(({ type, values }) => type === 'eg' && values.sub !== undefined)
      .map(({ values: { kind = 0, name, sub, queue } }) => ({
        kind: connectionKind(kind),
        ...(name !== undefined && { name: String(name) }),
        ...(sub !== undefined && { subscription: String(sub) }),
        ...(queue !== undefined && { queue: String(queue) }),
      })),
    mappedTo: steps.filter(({ type }) => type === 'sm').map(({ values }) => String(values.to)),
    errors: steps.flatMap(({ values: { error } }) => (error === undefined ? [] : [String(error)])),
  };
}

/** Sends the message with the headers for a trace only, and collects the reports. */
async function traced(
  connection: JetStreamConnection,
  message: PreparedMessage,
  timeout: number,
): Promise<readonly ServerReport[]> {
  const ends: (() => void)[] = [];
  try {
    return await new Promise((resolve, reject) => {
      const inbox = createInboxOf(connection.nc);
      const paths = new ReportedPaths(resolve);
      const late = new Timer(timeout, () => reject(noReport(timeout)));
      ends.push(() => late.cancel());
      const subscription = connection.wire.subscribe(inbox, {
        callback: (error, { data }) => {
          if (error !== null) return reject(error);
          const report = readReport(data);
          if (report !== undefined) paths.add(inbox, report);
        },
      });
      ends.push(() => subscription.unsubscribe());
      const ignore = connection.listen({
        onPermissionDenied: ({ operation, subject }) => {
          if (operation === 'publish' && (subject === inbox || subject === message.subject))
            reject(new PermissionDeniedError(connection.name, operation, subject));
        },
      });
      ends.push(ignore);
      send(connection, message, inbox);
    });
  } finally {
    for (const end of ends) end();
  }
}

function send(
  connection: JetStreamConnection,
  { subject, data, contentType }: PreparedMessage,
  inbox: string,
): void {
  const headers = new MessageHeaders();
  headers.set(TRACE_DESTINATION, inbox);
  headers.set(TRACE_ONLY, 'true');
  if (contentType !== undefined) headers.set('Content-Type', contentType);
  // Checked in the turn of the publish, because the connection may have moved to an older server.
  connection.require('A dry run', OLDEST_REPORTING_SERVER);
  connection.wire.publish(subject, data, undefined, headers);
}

function noReport(timeout: number): TryItRefusal {
  return new TryItRefusal(
    504,
    `No server has reported within ${timeout} ms. Check that the user of the service may publish to and subscribe to its inbox.`,
  );
}

/** The consumers of a stream that would get a message. A user may have no permission to list them. */
async function consumersOf(
  jetstream: JetStreamService,
  stream: string,
  subject: string,
  timeout: number,
): Promise<readonly string[] | undefined> {
  const names: string[] = [];
  try {
    for await (const { name, config } of jetstream.listConsumers(stream, { timeout })) {
      const filters =
        config.filterSubjects ?? (config.filterSubject === undefined ? [] : [config.filterSubject]);
      if (filters.length === 0 || filters.some((filter) => subjectsOverlap(filter, subject)))
        names.push(name);
      if (names.length === MOST_CONSUMERS) break;
    }
  } catch (error) {
    if (isInstance(error, PermissionDeniedError) || isInstance(error, StreamNotFoundError)) return undefined;
    throw error;
  }
  return names;
}
