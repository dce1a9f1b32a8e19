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
import { type Deployment, Field, type FieldOptions } from './field.js';
import { leftovers } from './leftovers.js';
import { requireSameReplicas } from './replicas.js';

export interface FaultRunOptions extends Pick<FieldOptions, 'servers' | 'scale'> {
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
  /** The time between the recovery from one fault and the next one, in milliseconds, at least and at most. */
  readonly pause: readonly [number, number];
  /** How many processes the tested service has. */
  readonly services: number;
  /** Called with a line of progress. */
  readonly onProgress?: ((line: string) => void) | undefined;
}

/** How long handlers may take until they handle new messages after a fault, and all messages at the end. */
const RECOVERY = 90_000;
/** How long a process may take to end after its application was closed, in milliseconds. */
const EXIT = 20_000;

/** One run: a service and its publishers on servers, faults, and the end, after which nothing may be left behind. */
export class FaultRun {
  private readonly recorder: Recorder;
  private readonly children: Child[] = [];
  private readonly random: Random;
  private processes = 0;

  private constructor(private readonly options: FaultRunOptions) {
    this.recorder = new Recorder(options.folder, 0, false);
    this.random = new Random(options.seed);
  }

  /** Runs to the end, and returns what happened. @throws Error if a process ends by itself, DivergedServersError */
  static async execute(options: FaultRunOptions): Promise<History> {
    await mkdir(options.folder, { recursive: true });
    const run = new FaultRun(options);
    try {
      await run.execute();
    } finally {
      await Promise.all(run.children.map((child) => child.end(0)));
      run.recorder[Symbol.dispose]();
    }
    return History.read(options.folder);
  }

  private async execute(): Promise<void> {
    const { faults, servers, scale } = this.options;
    const version = faults.map((name) => FAULTS[name].version).find((each) => each !== undefined);
    const deployment: Deployment = {
      kill: (service) => service.kill(),
      restart: (service) => this.start('service', field, service.settings.hasCumulative),
      update: async (service) => {
        await service.send({ type: 'rest' });
        await this.close(service, false);
        return this.start('service', field, true);
      },
    };
    await using field = await Field.start(this.random, deployment, { servers, version, scale });
    this.progress(`servers are ready`);
    const [driver, ...services] = await Promise.all([
      this.start('driver', field, false),
      ...Array.from({ length: this.options.services }, (_, i) =>
        this.start('service', field, i === 0 && version === undefined),
      ),
    ]);
    field.services.push(...services);
    await this.recover(field, driver);
    this.progress('every handler works');
    await this.injectAll(field, driver);
    this.progress(`${driver.stored} messages are stored`);
    await this.finish(field, driver);
  }

  private async injectAll(field: Field, driver: Child): Promise<void> {
    const { faults, messages, milliseconds, pause } = this.options;
    const end = now() + milliseconds;
    const isOver = (): boolean => now() > end || (messages !== null && driver.stored >= messages);
    const rest = async (): Promise<void> => {
      for (const until = now() + this.random.between(...pause); now() < until && !isOver();) await sleep(20);
    };
    for (const [i, name] of faults.entries()) {
      if (i > 0) await rest();
      await this.inject(name, field, driver);
    }
    for (;;) {
      await rest();
      if (isOver()) return;
      if (faults.length > 0) await this.inject(this.random.pick(faults), field, driver);
    }
  }

  private async inject(name: FaultName, field: Field, driver: Child): Promise<void> {
    const {
      fail,
      lasts = [0, 0],
      isSurvived = false,
      separatesLeaders = false,
      deletesStream = false,
      deletesConsumer = false,
    } = FAULTS[name];
    const began = now();
    const repair = await fail(field);
    const failed = now();
    const early = isSurvived ? this.recover(field, driver) : undefined;
    await sleep(field.scale * this.random.between(...lasts));
    await repair?.();
    const healed = now();
    const { at: worked, last } = await (early ?? this.recover(field, driver));
    const recovery = worked - (isSurvived ? failed : healed);
    // The next fault finds all servers and handlers at work.
    if (separatesLeaders) await field.ready();
    if (isSurvived) await this.recover(field, driver);
    this.recorder.note({
      type: 'fault',
      name,
      began,
      healed,
      recovered: now(),
      recovery,
      separatesLeaders,
      deletesStream,
      deletesConsumer,
    });
    const took = `${Math.round(healed - began)} ms, recovered after ${Math.round(recovery)} ms (${last})`;
    this.progress(`${name}: ${took}, ready after ${Math.round(now() - began)} ms, ${driver.stored} messages`);
  }

  /** Waits until every handler handles new messages. @returns when that was, and the slowest one */
  private async recover({ services }: Field, driver: Child): Promise<{ at: number; last: string }> {
    const hasCumulative = services.some(({ settings }) => settings.hasCumulative);
    const forms = FORM_NAMES.filter(
      (form) => FORMS[form].isShared && (form !== 'cumulative' || hasCumulative),
    );
    const {
      missing = [],
      at = now(),
      last = '',
    } = await driver.send({ type: 'recover', forms, timeout: RECOVERY });
    if (missing.length > 0) {
      this.recorder.problem(`no new message was acknowledged within ${RECOVERY} ms: ${missing.join(', ')}`);
    }
    return { at, last };
  }

  private async finish(field: Field, driver: Child): Promise<void> {
    await driver.send({ type: 'finish' });
    await Promise.all(field.services.map((service) => service.send({ type: 'rest' })));
    await this.drain(field);
    this.progress('every message is handled');
    if (!this.options.faults.includes('rolling-upgrade')) await requireSameReplicas(field.servers);
    // The driver is the last one, because it observes acknowledgements.
    await Promise.all(field.services.map((service) => this.close(service, true)));
    await this.close(driver, true);
    const hasFaults = this.options.faults.length > 0;
    for (const left of await leftovers(field.servers, hasFaults))
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
    const { script, folder, seed, rate, servers } = this.options;
    const child = await Child.start(script, {
      role,
      process: ++this.processes,
      folder,
      servers: field.proxies.map(({ url }) => url),
      direct: field.servers.map(({ url }) => url),
      replicas: servers,
      hasCumulative,
      seed,
      work: rate === null ? 5 : 50,
      pace: rate === null ? 10 : 1,
      rate,
    });
    this.children.push(child);
    return child;
  }

  private progress(line: string): void {
    this.options.onProgress?.(line);
  }
}

interface ConsumerInfo {
  readonly name: string;
  readonly delivered: { readonly consumer_seq: number };
  readonly num_pending: number;
  readonly num_ack_pending: number;
}
