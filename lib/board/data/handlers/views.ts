import type { Views } from '../answers.js';
import type { BoardContext } from '../board-context.js';
import { CONNECTION } from '../inputs.js';
import { flowOf } from './flow.js';
import type { Gathered } from './gathered.js';
import { Gathering } from './gathering.js';
import { OwnProcess } from './own-process.js';
import { handlerRows, instanceRow } from './rows.js';
import { scheduleRows } from './schedules.js';

/** The views of handlers, instances, schedules, and of what flows between handlers. */
export function handlerViews(context: BoardContext): Views<'handlers' | 'instances' | 'flow' | 'schedules'> {
  const { payloads, source } = context;
  const gathering = new Gathering(source);
  const own = new OwnProcess(source);
  const gather = async (connection: string | undefined, signal: AbortSignal): Promise<Gathered> =>
    gathering.of(context.jetstream(connection), signal);
  return {
    handlers: {
      parameters: CONNECTION,
      async answer({ connection }, signal) {
        const { instances, skipped, time } = await gather(connection, signal);
        return { time: time.toISOString(), rows: handlerRows(instances, payloads), skipped };
      },
    },
    instances: {
      parameters: CONNECTION,
      async answer({ connection }, signal) {
        const { failure, services, skipped } = await gather(connection, signal);
        if (failure !== undefined) throw failure;
        return { rows: services.map((each) => instanceRow(each, own.isSelf(each.id))), skipped };
      },
    },
    flow: {
      parameters: CONNECTION,
      async answer({ connection }, signal) {
        const { instances } = await gather(connection, signal);
        return flowOf(handlerRows(instances, payloads), source, context.jetstream(connection));
      },
    },
    schedules: {
      parameters: {},
      answer: async (_, signal) => ({ rows: await scheduleRows(source.schedules, payloads, signal) }),
    },
  };
}
