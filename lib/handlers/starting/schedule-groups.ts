import { forOneServer } from '../../connection/index.js';
import {
  openExistingStore,
  type ScheduledMethod,
  type ScheduleGroup,
  Scheduler,
  type Schedules,
  type ScheduleView,
} from '../../schedules/index.js';
import { CommandQueue } from '../../timing/index.js';
import type { ConsumerPlan, HandlerPlans } from '../planning/index.js';

/** The application that declares schedules, if it has no name. */
const DEFAULT_APPLICATION = 'default';

/** The schedules of the application in one stream. */
interface Entry extends ScheduleGroup {
  /** All methods by the names of their schedules, including those that do not run in this process. */
  readonly methods: Map<string, ScheduledMethod>;
  /** Absent as long as no schedule of the stream runs in this process. */
  scheduler?: Scheduler | undefined;
}

/** The schedulers of an application: one for each stream in which schedules of this process run. */
export class ScheduleGroups {
  private readonly entries = new Map<string, Entry>();
  /** Handlers that are started at the same time may have the same stream. */
  private readonly commands = new CommandQueue();
  private isStopped = false;

  constructor(
    private readonly service: Schedules,
    /** Whether due times take place; in a test, only requested runs do. */
    private readonly fires: boolean,
  ) {}

  /**
   * Opens the streams of schedules that this process will run, and stores the schedules. Must be called before the
   * consumers are created. Schedules that are not started are only noted, to find them by their names.
   *
   * @returns the scheduler of each plan; its `start` is to be called when the consumers exist
   * @throws the errors of `Scheduler.open` and `Scheduler.add`
   */
  open({
    consumers,
    held,
  }: Pick<HandlerPlans, 'consumers' | 'held'>): Promise<ReadonlyMap<ConsumerPlan, Scheduler>> {
    return this.commands.run(async () => {
      const schedulers = new Map<ConsumerPlan, Scheduler>();
      for (const { plan, connection } of held) {
        if ('methods' in plan && plan.schedule) this.note({ ...plan, connection }, plan.schedule);
      }
      const started = new Map<Entry, ConsumerPlan[]>();
      for (const plan of consumers) {
        if (plan.schedule === undefined) continue;
        const entry = this.note(plan, plan.schedule);
        started.set(entry, [...(started.get(entry) ?? []), plan]);
      }
      this.service.use([...this.entries.values()].map(viewOf));
      for (const [entry, plans] of started) {
        const scheduler = await this.declare(
          entry,
          plans.flatMap(({ schedule }) => schedule ?? []),
        );
        for (const plan of plans) schedulers.set(plan, scheduler);
      }
      return schedulers;
    });
  }

  /** No longer declares the schedules of handlers that could not be created. */
  async discard(consumers: readonly ConsumerPlan[]): Promise<void> {
    const scheduled = consumers.filter(({ schedule }) => schedule !== undefined);
    if (scheduled.length === 0) return;
    await this.commands.run(async () => {
      for (const plan of scheduled) {
        const entry = this.entries.get(keyOf(plan));
        if (plan.schedule && entry?.scheduler) await this.withdraw(entry, entry.scheduler, [plan.schedule]);
      }
    });
  }

  /** Gives up the lead, so that other instances continue at once. It never rejects. */
  async stop(): Promise<void> {
    this.isStopped = true;
    const schedulers = [...this.entries.values()].flatMap(({ scheduler }) => scheduler ?? []);
    await Promise.all(schedulers.map((scheduler) => scheduler.stop()));
  }

  private async declare(entry: Entry, methods: readonly ScheduledMethod[]): Promise<Scheduler> {
    const scheduler = (entry.scheduler ??= await Scheduler.open(entry));
    try {
      await scheduler.add(methods);
    } catch (error) {
      await this.withdraw(entry, scheduler, methods);
      throw error;
    }
    // The application may have been closed in the meantime.
    if (this.isStopped) await scheduler.stop();
    return scheduler;
  }

  /** An instance that runs none of the schedules takes no part in the election. */
  private async withdraw(
    entry: Entry,
    scheduler: Scheduler,
    methods: readonly ScheduledMethod[],
  ): Promise<void> {
    if (scheduler.remove(methods)) return;
    entry.scheduler = undefined;
    await scheduler.stop();
  }

  private note(
    plan: Pick<ConsumerPlan, 'connection' | 'stream' | 'schedule'>,
    method: ScheduledMethod,
  ): Entry {
    const key = keyOf(plan);
    const entry = this.entries.get(key) ?? this.entryOf(plan);
    this.entries.set(key, entry);
    entry.methods.set(method.schedule.name, method);
    return entry;
  }

  private entryOf({
    connection,
    stream,
    schedule,
  }: Pick<ConsumerPlan, 'connection' | 'stream' | 'schedule'>): Entry {
    const wanted = { ...schedule?.schedule.stream, name: stream };
    return {
      connection,
      stream: connection.isOnTestServer ? forOneServer(wanted) : wanted,
      owner: connection.schedules.application ?? DEFAULT_APPLICATION,
      fires: this.fires,
      methods: new Map(),
    };
  }
}

function keyOf({ connection, stream }: Pick<ConsumerPlan, 'connection' | 'stream'>): string {
  return `${connection.name}\n${stream}`;
}

/** The view of the service: it also controls schedules that run in other processes only. */
function viewOf(entry: Entry): ScheduleView {
  const { connection, stream, methods } = entry;
  return {
    connection,
    get methods() {
      return [...methods.values()];
    },
    connect: (limits) => connection.jetstream.connection.opened(limits),
    isOpen: () => connection.jetstream.connection.isOpen,
    open: async (limits) =>
      entry.scheduler?.store.within(limits) ?? openExistingStore(connection, stream.name, limits),
  };
}
