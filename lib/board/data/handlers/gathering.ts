import type { HandlerState } from '../../../consuming/index.js';
import type { HandlerReport, ServiceInstance, ServiceInstances } from '../../../discovery/index.js';
import { PermissionDeniedError } from '../../../errors/index.js';
import { isInstance } from '../../../reporting/index.js';
import type { BoardSource } from '../board-source.js';

/** How long answers of instances are awaited at most, in milliseconds: pages are updated every one or two seconds. */
const TIMEOUT = 1_000;
/** How long a result is used again, in milliseconds. */
const FRESH = 500;
/** The id of the application that serves the board, if it is no service. */
export const LOCAL_ID = 'this process';

/** A handler in one instance. */
export interface GatheredHandler {
  readonly report: HandlerReport;
  readonly requests: number;
  readonly errors: number;
  readonly lastError: string;
  readonly processingTime: number;
}

/** An instance, or the application that serves the board. */
export interface GatheredInstance {
  /** The name of the service; `undefined` for an application that is none. */
  readonly service: string | undefined;
  readonly id: string;
  readonly isSelf: boolean;
  readonly handlers: readonly GatheredHandler[];
}

/** What is known about all instances. */
export interface Gathered {
  /** As they answered; without the application itself, if that is no service. */
  readonly services: readonly ServiceInstance[];
  readonly instances: readonly GatheredInstance[];
  /** Answers that could not be read. */
  readonly skipped: number;
}

/** Asks the instances for their figures: once at a time for all readers, and only while someone reads. */
export class Gathering {
  private readonly last = new Map<string, { readonly at: number; readonly result: Promise<Gathered> }>();

  constructor(private readonly source: BoardSource) {}

  /** @param connection its name */
  of(connection: string): Promise<Gathered> {
    const last = this.last.get(connection);
    if (last !== undefined && performance.now() - last.at < FRESH) return last.result;
    const result = this.gather(connection);
    const entry = { at: Infinity, result };
    this.last.set(connection, entry);
    // While it runs, it is used by everyone; afterwards for a short time.
    const ended = (): void => {
      if (this.last.get(connection) === entry) this.last.set(connection, { at: performance.now(), result });
    };
    result.then(ended, () => this.last.delete(connection));
    return result;
  }

  private async gather(connection: string): Promise<Gathered> {
    const { instances: services, skipped } = await this.answers(connection);
    const gathered = services.map((instance) => ofService(instance));
    const hasSelf = services.some(({ isSelf }) => isSelf);
    return { services, skipped, instances: hasSelf ? gathered : [...this.own(), ...gathered] };
  }

  /** An application that is no service may lack the permission to ask; it shows itself then. */
  private async answers(connection: string): Promise<ServiceInstances> {
    try {
      return await this.source.instances(connection).listAll({ timeout: TIMEOUT });
    } catch (error) {
      if (this.source.service === undefined && isInstance(error, PermissionDeniedError))
        return { instances: [], skipped: 0 };
      throw error;
    }
  }

  /** This application, as its own handlers describe it. */
  private own(): readonly GatheredInstance[] {
    const { handlers, service } = this.source;
    const states = handlers?.list() ?? [];
    if (states.length === 0) return [];
    const { id = LOCAL_ID, name } = service ?? {};
    return [{ service: name, id, isSelf: true, handlers: states.map((state) => ofState(state)) }];
  }
}

function ofService({ endpoints, id, isSelf, name }: ServiceInstance): GatheredInstance {
  const handlers = new Map<string, GatheredHandler>();
  for (const { errors, handler: report, lastError, processingTime, requests } of endpoints) {
    if (report === undefined) continue;
    // A handler has an endpoint for each of its subjects.
    const key = keyOf(report);
    const before = handlers.get(key);
    handlers.set(key, {
      report,
      requests: (before?.requests ?? 0) + requests,
      errors: (before?.errors ?? 0) + errors,
      lastError: lastError === '' ? (before?.lastError ?? '') : lastError,
      processingTime: (before?.processingTime ?? 0) + processingTime,
    });
  }
  return { service: name, id, isSelf, handlers: [...handlers.values()] };
}

/** What one handler of several instances has in common. */
export function keyOf({ connection, consumer = '', form, handler, source }: HandlerReport): string {
  return JSON.stringify([handler, form, connection, source, consumer]);
}

function ofState(state: HandlerState): GatheredHandler {
  const { circuitOpen, connected, connection, consumer, error, failed, handled, handler } = state;
  const { kind, oldest, running, source, status, statusAge, waiting } = state;
  return {
    report: {
      handler,
      controlName: handler,
      form: kind,
      connection,
      source,
      consumer: consumer === '' ? undefined : consumer,
      status,
      statusAge,
      connected,
      inFlight: running,
      buffered: waiting,
      oldest,
      circuitOpen,
    },
    requests: handled,
    errors: failed,
    lastError: error?.message ?? '',
    processingTime: 0,
  };
}
