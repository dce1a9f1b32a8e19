import 'reflect-metadata';
import { measure, type Work } from './suites.js';
import type { Measurement } from './stopwatch.js';
import type { SuiteName } from './transport.js';
import { transports } from './transports/index.js';

/** The answer of a worker to each {@link Work}: a measurement, or the error that prevented it. */
export type Outcome = Measurement | { readonly error: string };

const [, , suite, name] = process.argv;
const transport = transports.find((each) => each.name === name);
if (transport === undefined) throw new Error(`there is no transport ${name}`);

process.on('message', (work: Work) => {
  void measure(suite as SuiteName, transport, work)
    .catch((error: unknown): Outcome => ({ error: error instanceof Error ? error.message : String(error) }))
    .then((outcome) => process.send?.(outcome));
});
