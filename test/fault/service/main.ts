import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Handlers, JetStreamService, KeyValueService } from 'nestjs-nats-jetstream';
import { sleep } from '../../../lib/timing/index.js';
import { now } from '../model/clock.js';
import { Random } from '../model/random.js';
import { Recorder } from '../model/recorder.js';
import { startClient, startPublisher, startService } from './application.js';
import { CountedLog } from './counted-log.js';
import type { Seen } from './handlers.js';
import { KeyOperations } from './key-operations.js';
import { Listeners } from './listeners.js';
import { Load } from './load.js';
import { LockOperations } from './lock-operations.js';
import { OtherOperations } from './other-operations.js';
import type { Command, ProcessSettings, Report } from './settings.js';
import { Witness } from './witness.js';
import { Work } from './work.js';

/** The entry of a process of a run: the tested service, or the driver that publishes and observes. */
type Actions = {
  readonly [T in Command['type']]?: (command: Command & { type: T }) => Promise<object | void>;
};

const settings = JSON.parse(process.argv[2]) as ProcessSettings;
const random = new Random(settings.seed + settings.process);
const recorder = new Recorder(settings.folder, settings.process, settings.role === 'service');
const logger = new CountedLog();
let actions: Actions = {};
process.on('message', (command: Command) => void obey(command));
// The parent was killed.
const exit = (): never => process.exit(1);
process.on('disconnect', exit);
const listeners = new Listeners();

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const memory = setInterval(() => {
  collectGarbage();
  recorder.note({ type: 'memory', heap: process.memoryUsage().heapUsed, at: now() });
}, 5_000);

actions = settings.role === 'service' ? await service() : await driver();
report({ type: 'ready' });

async function obey(command: Command): Promise<void> {
  const action = actions[command.type] as ((command: Command) => Promise<object | void>) | undefined;
  const answer = await action?.(command);
  report({ type: 'done', command: command.type, ...answer });
  if (command.type !== 'close') return;
  process.off('disconnect', exit);
  process.disconnect();
}

function report(message: Report): void {
  // The parent may have ended.
  if (process.connected) process.send?.(message);
}

async function service(): Promise<Actions> {
  const seen: Seen = { keys: new Map(), objects: new Map() };
  const { app, microservice, client, counting, registry } = await startService(
    settings,
    new Work(recorder, random, settings.work),
    seen,
    logger,
  );
  const buckets = app.get(KeyValueService);
  const other = await OtherOperations.start(app, client, settings, recorder);
  const { signal } = listeners;
  const registers = await buckets.open<number>('registers');
  const keys = new KeyOperations(registers, settings.process, settings.pace, recorder, random, signal);
  const locks = new LockOperations(
    await buckets.open('locks'),
    other.repeated.election,
    recorder,
    random,
    signal,
  );
  return {
    block: async ({ milliseconds }) => {
      for (const end = now() + milliseconds; now() < end;);
    },
    rest: async () => {
      await Promise.all([keys.stop(), locks.stop(), other.stop()]);
    },
    close: async ({ isQuiet }) => {
      if (isQuiet)
        for (const problem of await unseenAfter(() => other.unseen(seen))) recorder.problem(problem);
      await client.close();
      await microservice.close();
      const handlers = app.get(Handlers);
      await Promise.all(handlers.list().map(({ handler }) => handlers.stop(handler)));
      for (const counts of await counting.counts(registry)) recorder.note(counts);
      await app.close();
      for (const left of listeners.left()) recorder.problem(left);
      finish();
    },
  };
}

/** The changes that watches have not received within some seconds. */
async function unseenAfter(unseen: () => Promise<string[]>): Promise<string[]> {
  let last: string[] = [];
  for (const end = now() + 10_000; now() < end; await sleep(50)) {
    last = await unseen().catch((error: unknown) => [String(error)]);
    if (last.length === 0) break;
  }
  return last;
}

async function driver(): Promise<Actions> {
  const app = await startPublisher(settings, logger);
  const client = await startClient(settings);
  const witness = await Witness.start(settings.direct, recorder);
  const load = new Load(app.get(JetStreamService), client, recorder);
  const running = load.run(settings);
  const progress = setInterval(() => report({ type: 'progress', stored: load.stored }), 200);
  return {
    recover: ({ forms, timeout }) => witness.recovery(forms, timeout),
    finish: async () => {
      load.stop();
      await running;
      clearInterval(progress);
      report({ type: 'progress', stored: load.stored });
    },
    close: async () => {
      await witness.close();
      await client.close();
      await app.close();
      finish();
    },
  };
}

/** Completes the journal. */
function finish(): void {
  clearInterval(memory);
  for (const line of logger.excess()) recorder.problem(line);
  recorder[Symbol.dispose]();
}
