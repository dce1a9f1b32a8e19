import type { JetStreamConnection } from '../../connection/index.js';

/**
 * The oldest nats-server version for each option and operation that 2.9 does not support. An entry `option:value`
 * applies to one value of an option.
 */
const SINCE = {
  stream: {
    compression: '2.10.0',
    firstSequence: '2.10.0',
    subjectTransform: '2.10.0',
    consumerLimits: '2.10.0',
    metadata: '2.10.0',
    allowMessageTtl: '2.11.0',
    subjectDeleteMarkerTtl: '2.11.0',
    allowMessageCounter: '2.12.0',
    allowAtomicPublish: '2.12.0',
    allowMessageSchedules: '2.12.0',
    persistMode: '2.12.0',
    allowBatchPublish: '2.14.0',
  },
  source: {
    subjectTransforms: '2.10.0',
    consumer: '2.14.0',
  },
  consumer: {
    filterSubjects: '2.10.0',
    metadata: '2.10.0',
    pauseUntil: '2.11.0',
    priorityGroups: '2.11.0',
    priorityPolicy: '2.11.0',
    pinnedTtl: '2.11.0',
    'priorityPolicy:prioritized': '2.12.0',
    'ackPolicy:flow_control': '2.14.0',
  },
  pull: {
    priorityGroup: '2.11.0',
    minPending: '2.11.0',
    minAckPending: '2.11.0',
    priority: '2.12.0',
  },
  operation: {
    'batch direct get': '2.11.0',
    'pausing a consumer': '2.11.0',
    'unpinning a consumer': '2.11.0',
    'resetting a consumer': '2.14.0',
  },
} as const;

/** A kind of options in the table above. */
export type FeatureKind = Exclude<keyof typeof SINCE, 'operation'>;

/**
 * Rejects options that the connected server is too old for. Options with no effect (`undefined`, `false`, 0, an empty
 * list, `none`, `default`) are accepted, because they match the behavior of old servers.
 *
 * @throws {@link UnsupportedServerFeatureError}
 */
export function requireOptions(connection: JetStreamConnection, kind: FeatureKind, options: object): void {
  const since: Readonly<Record<string, string>> = SINCE[kind];
  for (const [option, value] of Object.entries(options)) {
    if (asksForNothing(value)) continue;
    const ofValue = typeof value === 'string' ? since[`${option}:${value}`] : undefined;
    if (ofValue) connection.require(`The ${kind} option ${option} "${String(value)}"`, ofValue);
    else if (since[option]) connection.require(`The ${kind} option ${option}`, since[option]);
  }
}

/**
 * Rejects an operation that the connected server is too old for.
 *
 * @throws {@link UnsupportedServerFeatureError}
 */
export function requireOperation(
  connection: JetStreamConnection,
  operation: keyof typeof SINCE.operation,
): void {
  connection.require(operation[0].toUpperCase() + operation.slice(1), SINCE.operation[operation]);
}

function asksForNothing(value: unknown): boolean {
  if (!value || value === 'none' || value === 'default') return true;
  if (typeof value !== 'object' || value instanceof Date) return false;
  return (Array.isArray(value) ? value : Object.keys(value)).length === 0;
}
