import type { IdempotenceOptions } from './idempotence-options.interface.js';

/** The other options of a handler that are needed here. */
interface HandlerOptions {
  readonly durable?: string | undefined;
  readonly name?: string | undefined;
  readonly ackMode?: string | undefined;
  readonly ackWait?: number | undefined;
  readonly batch?: unknown;
  readonly ordered?: unknown;
}

const DEFAULT_ACK_WAIT = 30_000;

/** Checks the options of an idempotent handler for invalid combinations. */
export function checkIdempotence(
  { ttl, lease }: IdempotenceOptions,
  { durable, name, ackMode, ackWait = DEFAULT_ACK_WAIT, batch, ordered }: HandlerOptions,
): readonly string[] {
  const problems: string[] = [];
  if ((batch ?? ordered) !== undefined) {
    return [
      `idempotent needs single, acknowledged messages and cannot be combined with ${batch ? 'batch' : 'ordered'}`,
    ];
  }
  if (ttl !== undefined && ttl < (lease ?? ackWait)) {
    problems.push(
      `idempotent.ttl (${ttl}) must not be shorter than the lease (${lease ?? ackWait}), which is ackWait by default: ` +
        'a key could be forgotten while its handler runs',
    );
  }
  if (durable === undefined && name === undefined) {
    problems.push(
      'idempotent needs durable or name: handled keys are stored under the name of the consumer, which otherwise differs ' +
        'in each process',
    );
  }
  if (ackMode === 'manual' || ackMode === 'none') {
    problems.push(
      `idempotent cannot be combined with ackMode '${ackMode}': the message must be acknowledged when its handler returns`,
    );
  }
  return problems;
}
