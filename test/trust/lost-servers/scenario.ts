import {
  Handlers,
  JetStreamService,
  KeyValueService,
  ObjectStoreService,
  type HandlerState,
} from 'nestjs-nats-jetstream';
import { within } from '../../../lib/timing/index.js';
import { startApplication } from '../../support/application.js';
import { eventually } from '../../support/eventually.js';
import { LogRecorder } from '../../support/log-recorder.js';
import { Service } from './application.js';
import { Setting, type Fault } from './faults.js';
import { FORMS, type Form, type Journal } from './handlers.js';
import { RepeatedOperations, type Calls, type OperationName } from './operations.js';

const MESSAGES = 40;
/** How long everything may take to be handled once the server can be reached. */
const RECOVERY = 30_000;

/** The observations of one fault. */
export interface Outcome {
  readonly fault: Fault;
  /** The numbers that were handled to the end by the application that was affected by the fault. */
  readonly first: Readonly<Record<Form, readonly number[]>>;
  /** The numbers that were handled to the end by it or by an application started afterwards. */
  readonly all: Readonly<Record<Form, readonly number[]>>;
  readonly expected: readonly number[];
  readonly watched: { readonly keys: boolean; readonly objects: boolean; readonly core: boolean };
  readonly calls: Readonly<Record<OperationName, Calls>>;
  readonly leads: boolean;
  readonly states: readonly HandlerState[];
  /** How long closing took, in milliseconds, of the application and the microservice. */
  readonly closing: { readonly application: number; readonly microservice: number; readonly client: number };
  readonly logs: LogRecorder;
}

/** Runs all operations during a fault, closes the application, and lets another one handle the remaining messages. */
export async function runScenario(fault: Fault): Promise<Outcome> {
  await using setting = await Setting.open();
  const connection = await fault.connection(setting);
  const logs = new LogRecorder();
  const service = await Service.start(connection, logs);
  const { journal, app, microservice, client } = service;
  const jetstream = app.get(JetStreamService);
  await (await app.get(ObjectStoreService).open('files')).putString('first', 'content');

  const expected = Array.from({ length: MESSAGES }, (_, id) => id);
  for (const id of expected) {
    await Promise.all(FORMS.map((form) => jetstream.publish(`work.${form}`, id)));
  }
  const operations = await RepeatedOperations.start(app, client);
  await eventually(
    () => Object.values(operations.calls),
    (calls) => calls.every(({ succeeded }) => succeeded > 0),
  );
  await fault.inject(setting, connection);

  const watched = { keys: false, objects: false, core: false };
  let leads = false;
  if (fault.recovers) {
    const complete = (form: Form): boolean => new Set(journal.finished[form]).size === MESSAGES;
    await eventually(
      () => FORMS.filter((form) => !complete(form)),
      (missing) => missing.length === 0,
      RECOVERY,
    ).catch(() => undefined);
    Object.assign(watched, await seesChanges(setting, journal));
    leads = await becomes(() => operations.election.isLeader);
  } else if (fault.closesDuringFault !== true) {
    await becomes(() =>
      app
        .get(Handlers)
        .list()
        .every(({ status }) => status === 'stopped'),
    );
    // The microservice has its own connection, which may end later.
    if (fault.reason !== undefined) {
      await becomes(() => logs.lines.some(({ text }) => text.startsWith(`${SERVICE_HANDLER} is stopped`)));
    }
    leads = !(await becomes(() => !operations.election.isLeader));
  }
  const states = app.get(Handlers).list();
  const first = copyOf(journal);
  const stopping = operations.stop();
  const closing = {
    client: await timed(() => client.close()),
    microservice: await timed(() => microservice.close()),
    application: await timed(() => app.close()),
  };
  await within(20_000, stopping);
  if ('close' in connection) await connection.close();

  await fault.repair?.(setting);
  const second = await Service.start(
    { servers: setting.server.url, user: 'other', pass: 'p' },
    new LogRecorder(),
  );
  const all = (): Record<Form, number[]> =>
    Object.fromEntries(
      FORMS.map((form) => [form, sorted([...journal.finished[form], ...second.journal.finished[form]])]),
    ) as Record<Form, number[]>;
  await eventually(
    () => FORMS.filter((form) => all()[form].length < MESSAGES),
    (missing) => missing.length === 0,
    RECOVERY,
  ).catch(() => undefined);
  const everything = all();
  await second.close();
  return {
    fault,
    first,
    all: everything,
    expected,
    watched,
    calls: operations.calls,
    leads,
    states,
    closing,
    logs,
  };
}

/** Whether watches and subscriptions of the application receive changes of another connection. */
async function seesChanges(
  { server }: Setting,
  { seen }: Journal,
): Promise<{ keys: boolean; objects: boolean; core: boolean }> {
  await using other = await startApplication(server.url, { connection: { user: 'other', pass: 'p' } });
  const nc = other.app.get(JetStreamService).connection.nc;
  await (await other.app.get(KeyValueService).open('state')).put('last', 1);
  await (await other.app.get(ObjectStoreService).open('files')).putString('last', 'x');
  const core = await becomes(() => {
    nc.publish('core.last');
    return seen.core.has('core.last');
  });
  return {
    core,
    keys: await becomes(() => seen.keys.has('last')),
    objects: await becomes(() => seen.objects.has('last')),
  };
}

/** The handler of the microservice, as its logs name it. */
export const SERVICE_HANDLER = "@EventPattern('work.event')";

async function becomes(condition: () => boolean): Promise<boolean> {
  return eventually(condition, Boolean, 10_000).catch(() => false);
}

async function timed(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await within(60_000, action());
  return performance.now() - start;
}

function copyOf({ finished }: Journal): Record<Form, number[]> {
  return structuredClone(finished) as Record<Form, number[]>;
}

function sorted(ids: readonly number[]): number[] {
  return [...new Set(ids)].toSorted((a, b) => a - b);
}
