import { count, isObject, required, requireValue, rule } from '../../../validation/index.js';
import type { JobRow } from '../../model/index.js';
import type { Actions } from '../answers.js';
import type { BoardContext } from '../board-context.js';
import { selectionRules, TARGET } from '../dead-letters/index.js';
import { CONNECTION, searchText } from '../inputs.js';
import type { BoardJobs, NewJob } from './board-jobs.js';
import { jobId } from './job-id.js';

const RATE = count(1, 1_000_000);
const SELECTED = rule('an object; {} selects all dead letters', isObject);
const ID = { ...CONNECTION, id: required(jobId) };

type JobActionName = 'replay-all' | 'drop-all' | 'search' | 'stop-job' | 'continue-job' | 'remove-job';

/** The actions that start and steer jobs. */
export function jobActions(context: BoardContext, jobs: BoardJobs): Actions<JobActionName> {
  const members = { ...CONNECTION, selection: selectionRules(context.payloads), rate: RATE };
  const start = (
    { connection, ...input }: Omit<NewJob, 'kind'> & { readonly connection?: string },
    kind: NewJob['kind'],
    by: string | undefined,
  ): Promise<JobRow> => {
    // Without it, a job would silently cover all dead letters.
    requireValue('selection', input.selection, SELECTED);
    return jobs.start(context.jetstream(connection), { ...input, kind }, by);
  };
  return {
    'replay-all': {
      members: { ...members, to: TARGET },
      carryOut: (input, { by }) => start(input, 'replay', by),
    },
    'drop-all': { members, carryOut: (input, { by }) => start(input, 'drop', by) },
    search: {
      members: { ...members, text: required(searchText) },
      carryOut: (input, { by }) => start(input, 'search', by),
    },
    'stop-job': {
      members: ID,
      carryOut: ({ connection, id }) => jobs.stopJob(context.jetstream(connection), id),
    },
    'continue-job': {
      members: { ...ID, rate: RATE },
      carryOut: ({ connection, id, rate }) => jobs.continueJob(context.jetstream(connection), id, rate),
    },
    'remove-job': {
      members: ID,
      async carryOut({ connection, id }): Promise<object> {
        await jobs.remove(context.jetstream(connection), id);
        return {};
      },
    },
  };
}
