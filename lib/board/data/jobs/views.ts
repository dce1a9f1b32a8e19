import { required } from '../../../validation/index.js';
import type { Views } from '../answers.js';
import type { BoardContext } from '../board-context.js';
import { CONNECTION } from '../inputs.js';
import type { BoardJobs } from './board-jobs.js';
import { jobId } from './job-id.js';

/** The list of jobs, and one job. */
export function jobViews(context: BoardContext, jobs: BoardJobs): Views<'jobs' | 'job'> {
  return {
    jobs: {
      parameters: CONNECTION,
      answer: async ({ connection }, signal) => ({
        rows: await jobs.list(context.jetstream(connection), signal),
      }),
    },
    job: {
      parameters: { ...CONNECTION, id: required(jobId) },
      answer: ({ connection, id }, signal) => jobs.get(context.jetstream(connection), id, signal),
    },
  };
}
