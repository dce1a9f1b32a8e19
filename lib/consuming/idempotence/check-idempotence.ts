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
    return [`idempotent is about single, acknowledged messages: not with ${batch ? 'batch' : 'ordered'}`];
  }
  if (ttl !== undefined && ttl < (lease ?? ackWait)) {
    problems.push(
      `idempotent.ttl (${ttl}) must not be shorter than the lease (${lease ?? ackWait}), which is ackWait by default: ` +
        'a key could be forgotten while its handler runs',
    );
  }
  if (durable === undefined && name === undefined) {
    problems.push(
      'idempotent needs durable or name: what was handled is remembered for a consumer, and this one has another name ' +
        'in each process',
    );
  }
  if (ackMode === 'manual' || ackMode === 'none') {
    problems.push(
      `idempotent excludes ackMode '${ackMode}': a key is done when its handler returns, and so must be its message`,
    );
  }
  return problems;
}
