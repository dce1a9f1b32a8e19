import { rule } from '../../../validation/index.js';

/** The id of a job. It is part of a key. */
export const jobId = rule(
  'the id of a job',
  (value) => typeof value === 'string' && /^[\w-]{1,64}$/.test(value),
);
