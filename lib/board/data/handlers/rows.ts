import type { ServiceInstance } from '../../../discovery/index.js';
import { given } from '../../../validation/index.js';
import type { HandlerInstance, HandlerRow, InstanceRow } from '../../model/index.js';
import type { Payloads } from '../payloads/index.js';
import { type GatheredHandler, type GatheredInstance, keyOf } from './gathered.js';

/**
 * One row for each handler of each service, in the order of their names. With a mask, their errors are left out, because
 * they may contain parts of payloads.
 */
export function handlerRows(
  all: readonly GatheredInstance[],
  { isMasked }: Pick<Payloads, 'isMasked'>,
): HandlerRow[] {
  const rows = new Map<string, HandlerRow & { readonly instances: HandlerInstance[] }>();
  for (const instance of all) {
    for (const each of instance.handlers) {
      const { connection, consumer, controlName, form, handler, source } = each.report;
      const { service } = instance;
      const key = JSON.stringify([service, keyOf(each.report)]);
      const row = rows.get(key) ?? {
        ...given({ service, controlName, consumer }),
        handler,
        form,
        connection,
        source,
        instances: [],
      };
      row.instances.push(handlerInstance(instance, isMasked ? { ...each, lastError: '' } : each));
      rows.set(key, row);
    }
  }
  return [...rows.values()].toSorted(
    (a, b) => compare(a.service ?? '', b.service ?? '') || compare(a.handler, b.handler),
  );
}

function handlerInstance(
  { id, isSelf }: GatheredInstance,
  { report, outcomes, ...figures }: GatheredHandler,
): HandlerInstance {
  const { buffered, circuitOpen, connected, inFlight, lag, oldest, status, statusAge } = report;
  const state = { buffered, circuitOpen, connected, inFlight, lag, oldest, status, statusAge };
  return { id, isSelf, ...given({ ...state, outcomes }), ...figures };
}

export function instanceRow(
  { endpoints, id, metadata, name, startedAt, version }: ServiceInstance,
  isSelf: boolean,
): InstanceRow {
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

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
