import type { IdempotenceOptions } from './idempotence-options.interface.js';

/** The other options of a handler that matter here. */
interface HandlerOptions {
  readonly durable?: string | undefined;
  readonly name?: string | undefined;
  readonly ackMode?: string | undefined;
  readonly ackWait?: number | undefined;
  readonly batch?: unknown;
  readonly ordered?: unknown;
}

const DEFAULT_ACK_WAIT = 30_000;
const SHORTEST_LEASE = 100;
const SHORTEST_TTL = 1_000;

/** What is wrong with how a handler is made idempotent. */
export function checkIdempotence(
  { bucket, key, ttl, lease }: IdempotenceOptions,
  { durable, name, ackMode, ackWait = DEFAULT_ACK_WAIT, batch, ordered }: HandlerOptions,
): readonly string[] {
  const problems: string[] = [];
  if ((batch ?? ordered) !== undefined) {
    return [`idempotent is about single, acknowledged messages: not with ${batch ? 'batch' : 'ordered'}`];
  }
  if (typeof bucket !== 'string' || !/^[\w-]+$/.test(bucket)) {
    problems.push(`idempotent.bucket must be a name of letters, digits, "-" and "_"; it is ${show(bucket)}`);
  }
  if (key !== undefined && typeof key !== 'function' && (typeof key !== 'string' || key.trim() === '')) {
    problems.push(`idempotent.key must be a function or the name of a header; it is ${show(key)}`);
  }
  if (ttl !== undefined && !isDuration(ttl, SHORTEST_TTL)) {
    problems.push(
      `idempotent.ttl must be a number of milliseconds, ${SHORTEST_TTL} or more; it is ${show(ttl)}`,
    );
  }
  if (lease !== undefined && !isDuration(lease, SHORTEST_LEASE)) {
    problems.push(
      `idempotent.lease must be a number of milliseconds, ${SHORTEST_LEASE} or more; it is ${show(lease)}`,
    );
  }
  if (problems.length === 0 && ttl !== undefined && ttl < (lease ?? ackWait)) {
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

function isDuration(value: unknown, minimum: number): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= minimum;
}

function show(value: unknown): string {
  return typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value));
}
