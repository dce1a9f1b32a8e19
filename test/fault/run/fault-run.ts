import { mkdir } from 'node:fs/promises';
import { sleep } from '../../../lib/timing/index.js';
import { now } from '../model/clock.js';
import { FORM_NAMES, FORMS, formOfConsumer } from '../model/forms.js';
import { History } from '../model/history.js';
import { Random } from '../model/random.js';
import { Recorder } from '../model/recorder.js';
import type { ProcessSettings } from '../service/settings.js';
import { Child } from './child.js';
import { FAULTS, type FaultName } from './faults.js';
import { type Deployment, Field } from './field.js';
import { leftovers } from './leftovers.js';

export interface FaultRunOptions {
  /** The built program of the processes. */
  readonly script: URL;
  /** A new folder for the journals. */
  readonly folder: string;
  readonly seed: number;
  /** The faults: each happens once, in this order; then, until the end of the run, one of them at random. */
  readonly faults: readonly FaultName[];
  /** After how many messages it ends; `null`: after `milliseconds`. */
  readonly messages: number | null;
  /** When it ends at the latest, except that each fault happens once. */
  readonly milliseconds: number;
  /** Messages in a second; `null`: as many as the handlers manage. */
  readonly rate: number | null;
  /** How long faults last, relative to their usual time. */
  readonly scale: number;
  readonly replicas: number;
  /** How many processes the tested service has. */
  readonly services: number;
  /** Called with a line of progress. */
  readonly onProgress?: ((line: string) => void) | undefined;
}

/** How long handlers may take until they handle new messages after a fault, and all messages at the end. */
const RECOVERY = 90_000;
/** How long a process may take to end after its application was closed, in milliseconds. */
const EXIT = 15_000;

/** One run: a service and its publishers on a cluster, faults, and the end, after which nothing may be left behind. */
export class FaultRun {
  private readonly recorder: Recorder;
  private readonly children: Child[] = [];
  private processes = 0;
  private killed = 0;

  private constructor(
    private readonly options: FaultRunOptions,
    private readonly random: Random,
  ) {
    this.recorder = new Recorder(options.folder, 0, false);
  }

  /** Runs to the end, and returns what happened. @throws Error if a process ends by itself */
  static async execute(options: FaultRunOptions): Promise<History> {
    await mkdir(options.folder, { recursive: true });
    const run = new FaultRun(options, new Random(options.seed));
    try {
      await run.execute();
    } finally {
      await Promise.all(run.children.map((child) => child.end(0)));
      run.recorder[Symbol.dispose]();
    }
    return History.read(options.folder);
  }

  private async execute(): Promise<void> {
    const { faults, scale } = this.options;
    const version = faults.map((name) => FAULTS[name].version).find((each) => each !== undefined);
    const deployment: Deployment = {
      kill: async (service) => {
        this.killed++;
        await service.kill();
        return this.start('service', field, service.settings.hasCumulative);
      },
      update: async (service) => {
        await service.send({ type: 'rest' });
        await this.close(service, false);
        return this.start('service', field, true);
      },
    };
    await using field = await Field.start(this.random, deployment, { version, scale });
    const [driver, ...services] = await Promise.all([
      this.start('driver', field, false),
      ...Array.from({ length: this.options.services }, (_, i) =>
        this.start('service', field, i === 0 && version === undefined),
      ),
    ]);
    field.services.push(...services);
    await this.recover(field, driver);
    await this.injectAll(field, driver);
    await this.finish(field, driver);
  }

  private async injectAll(field: Field, driver: Child): Promise<void> {
    const { faults, messages, milliseconds } = this.options;
    const end = now() + milliseconds;
    const isOver = (): boolean => now() > end || (messages !== null && driver.published >= messages);
    for (const name of faults) await this.inject(name, field, driver);
    // An upgrade happens once.
    const repeatable = faults.filter((name) => FAULTS[name].version === undefined);
    while (!isOver()) {
      if (repeatable.length > 0) await this.inject(this.random.pick(repeatable), field, driver);
      for (const pause = now() + this.random.between(500, 3_000); now() < pause && !isOver();)
        await sleep(50);
    }
  }

  private async inject(name: FaultName, field: Field, driver: Child): Promise<void> {
    const { inject, separatesLeaders = false, deletesStream = false, deletesConsumer = false } = FAULTS[name];
    const began = now();
    await inject(field);
    const healed = now();
    await this.recover(field, driver);
    const recovered = now();
    this.recorder.note({
      type: 'fault',
      name,
      began,
      healed,
      recovered,
      separatesLeaders,
      deletesStream,
      deletesConsumer,
    });
    const times = `${Math.round(healed - began)} ms, recovered after ${Math.round(recovered - healed)} ms`;
    this.options.onProgress?.(`${name}: ${times}, ${driver.published} messages`);
  }

  /** Waits until every handler handles new messages. */
  private async recover({ services }: Field, driver: Child): Promise<void> {
    const hasCumulative = services.some(({ settings }) => settings.hasCumulative);
    const forms = FORM_NAMES.filter(
      (form) => FORMS[form].isShared && (form !== 'cumulative' || hasCumulative),
    );
    const { missing = [] } = await driver.send({ type: 'recover', forms, timeout: RECOVERY });
    if (missing.length > 0) {
      this.recorder.problem(`no new message was acknowledged within ${RECOVERY} ms: ${missing.join(', ')}`);
    }
  }

  private async finish(field: Field, driver: Child): Promise<void> {
    await driver.send({ type: 'finish' });
    await Promise.all(field.services.map((service) => service.send({ type: 'rest' })));
    await this.drain(field);
    // The driver is the last one, because it observes acknowledgements.
    for (const child of [...field.services, driver]) await this.close(child, true);
    for (const left of await leftovers(field.cluster, this.killed))
      this.recorder.problem(`left on a server: ${left}`);
  }

  /** Waits until all messages are handled, and records the end of each shared consumer. */
  private async drain(field: Field): Promise<void> {
    const end = now() + RECOVERY;
    for (;;) {
      const consumers = await this.consumers(field);
      const waiting = consumers.some(({ num_pending, num_ack_pending }) => num_pending + num_ack_pending > 0);
      if (waiting && now() < end) {
        await sleep(100);
        continue;
      }
      for (const { name, delivered, num_pending, num_ack_pending } of consumers) {
        this.recorder.note({
          type: 'consumer',
          form: formOfConsumer(name),
          delivered: delivered.consumer_seq,
          pending: num_pending,
          unacknowledged: num_ack_pending,
        });
      }
      return;
    }
  }

  private async consumers(field: Field): Promise<ConsumerInfo[]> {
    const { consumers } = await field.ask<{ readonly consumers: readonly ConsumerInfo[] }>(
      'CONSUMER.LIST.WORK',
    );
    return consumers.filter(({ name }) => FORM_NAMES.some((form) => form === name && FORMS[form].isShared));
  }

  /** Closes the application of a process, which has to end by itself then. */
  private async close(child: Child, isQuiet: boolean): Promise<void> {
    await child.send({ type: 'close', isQuiet });
    const how = await child.end(EXIT);
    if (how === '0') return;
    const end = how === undefined ? `did not end within ${EXIT} ms after it was closed` : `ended with ${how}`;
    this.recorder.problem(`${child.name} ${end}: ${child.printed}`);
  }

  private async start(role: ProcessSettings['role'], field: Field, hasCumulative: boolean): Promise<Child> {
    const { script, folder, seed, rate, replicas } = this.options;
    const child = await Child.start(script, {
      role,
      process: ++this.processes,
      folder,
      servers: field.proxies.map(({ url }) => url),
      direct: field.cluster.urls,
      replicas,
      hasCumulative,
      seed,
      work: rate === null ? 5 : 50,
      rate,
    });
    this.children.push(child);
    return child;
  }
}

interface ConsumerInfo {
  readonly name: string;
  readonly delivered: { readonly consumer_seq: number };
  readonly num_pending: number;
  readonly num_ack_pending: number;
}
