import { given } from '../../../validation/index.js';
import type { HandlerInstance, HandlerRow, InstanceRow } from '../../model/index.js';
import type { Views } from '../answers.js';
import type { BoardContext } from '../board-context.js';
import { CONNECTION } from '../inputs.js';
import { flowOf } from './flow.js';
import { type Gathered, type GatheredHandler, type GatheredInstance, Gathering, keyOf } from './gathering.js';
import { scheduleRows } from './schedules.js';

/** The views of handlers, instances, schedules, and of what flows between handlers. */
export function handlerViews(context: BoardContext): Views<'handlers' | 'instances' | 'flow' | 'schedules'> {
  const { source } = context;
  const gathering = new Gathering(source);
  const gather = (connection: string | undefined): Promise<Gathered> =>
    gathering.of(context.jetstream(connection).connection.name);
  return {
    handlers: {
      parameters: CONNECTION,
      async answer({ connection }) {
        const { instances, skipped } = await gather(connection);
        return { time: new Date().toISOString(), rows: rowsOf(instances), skipped };
      },
    },
    instances: {
      parameters: CONNECTION,
      async answer({ connection }) {
        const { services, skipped } = await gather(connection);
        return { rows: services.map((service) => instanceRow(service)), skipped };
      },
    },
    flow: {
      parameters: CONNECTION,
      async answer({ connection }) {
        const { instances } = await gather(connection);
        return flowOf(rowsOf(instances), context.jetstream(connection), source.discovery);
      },
    },
    schedules: {
      parameters: {},
      answer: async (_, signal) => ({ rows: await scheduleRows(source.schedules, signal) }),
    },
  };
}

/** One row for each handler of each service, in the order of their names. */
function rowsOf(all: readonly GatheredInstance[]): HandlerRow[] {
  const rows = new Map<string, Omit<HandlerRow, 'instances'> & { instances: HandlerInstance[] }>();
  for (const instance of all) {
    for (const handler of instance.handlers) {
      const { connection, consumer, controlName, form, handler: name, source } = handler.report;
      const { service } = instance;
      const key = JSON.stringify([service, keyOf(handler.report)]);
      const row = rows.get(key) ?? {
        handler: name,
        form,
        connection,
        source,
        instances: [],
        ...given({ service, controlName, consumer }),
      };
      row.instances.push(handlerInstance(instance, handler));
      rows.set(key, row);
    }
  }
  const nameOf = ({ handler, service = '' }: HandlerRow): string => `${service} ${handler}`;
  return [...rows.values()].sort((a, b) => nameOf(a).localeCompare(nameOf(b)));
}

function handlerInstance(
  { id, isSelf }: GatheredInstance,
  { report, ...figures }: GatheredHandler,
): HandlerInstance {
  const { buffered, circuitOpen, connected, inFlight, lag, oldest, outcomes, status, statusAge } = report;
  const state = { buffered, circuitOpen, connected, inFlight, lag, oldest, status, statusAge };
  return { id, isSelf, ...given({ ...state, outcomes: outcomes as HandlerInstance['outcomes'] }), ...figures };
}

function instanceRow(service: Gathered['services'][number]): InstanceRow {
  const { endpoints, id, isSelf, metadata, name, startedAt, version } = service;
  const sum = (figure: 'errors' | 'requests'): number =>
    endpoints.reduce((total, endpoint) => total + endpoint[figure], 0);
  return {
    service: name,
    id,
    version,
    isSelf,
    startedAt: startedAt.toISOString(),
    metadata,
    endpoints: endpoints.length,
    requests: sum('requests'),
    errors: sum('errors'),
  };
}
