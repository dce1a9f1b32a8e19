import type { HandlerReport, ServiceInstance } from '../../../discovery/index.js';

/** A handler in one instance, with its figures since the start. */
export interface GatheredHandler {
  readonly report: Omit<HandlerReport, 'outcomes'>;
  readonly requests: number;
  readonly errors: number;
  readonly lastError: string;
  readonly processingTime: number;
  /** `undefined` if the instance does not count them. */
  readonly outcomes: Readonly<Record<string, number>> | undefined;
}

/** An instance, or this process. */
export interface GatheredInstance {
  /** The name of the service; `undefined` for handlers of this process that belong to no service. */
  readonly service: string | undefined;
  readonly id: string;
  readonly isSelf: boolean;
  readonly handlers: readonly GatheredHandler[];
}

/** What is known about all instances on a connection. */
export interface Gathered {
  /** When the instances were asked. Figures that are used again keep it, because the page computes rates from it. */
  readonly time: Date;
  /** As they answered. */
  readonly services: readonly ServiceInstance[];
  readonly instances: readonly GatheredInstance[];
  /** Answers that could not be read. */
  readonly skipped: number;
  /** Why the instances could not be asked; then only the handlers of this process are known. */
  readonly failure: Error | undefined;
}

/** A service, as it described itself. */
export function instanceOf({ endpoints, id, name }: ServiceInstance, isSelf: boolean): GatheredInstance {
  const handlers = new Map<string, GatheredHandler>();
  for (const { errors, handler, lastError, processingTime, requests } of endpoints) {
    // Endpoints of other libraries have no such report.
    if (handler === undefined) continue;
    const { outcomes, ...report } = handler;
    // A handler has an endpoint for each of its subjects.
    const key = keyOf(report);
    const before = handlers.get(key);
    handlers.set(key, {
      report,
      requests: requests + (before?.requests ?? 0),
      errors: errors + (before?.errors ?? 0),
      lastError: lastError === '' ? (before?.lastError ?? '') : lastError,
      processingTime: processingTime + (before?.processingTime ?? 0),
      outcomes: sumOf(before?.outcomes, outcomes),
    });
  }
  return { service: name, id, isSelf, handlers: [...handlers.values()] };
}

/** Names a handler among those of one service; the same in all instances. */
export function keyOf({
  connection,
  consumer = '',
  form,
  handler,
  source,
}: GatheredHandler['report']): string {
  return JSON.stringify([handler, form, connection, source, consumer]);
}

function sumOf(a: GatheredHandler['outcomes'], b: HandlerReport['outcomes']): GatheredHandler['outcomes'] {
  if (b === undefined) return a;
  const sum: Record<string, number> = { ...a };
  for (const [outcome, count] of Object.entries(b)) sum[outcome] = (sum[outcome] ?? 0) + count;
  return sum;
}
