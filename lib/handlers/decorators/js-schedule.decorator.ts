import {
  durableOf,
  readSchedule,
  SCHEDULE_STREAM,
  type ScheduleOptions,
  ScheduleSubjects,
  type ScheduleTime,
} from '../../schedules/index.js';
import { addHandler, type HandlerMethodDecorator } from './handler-metadata.js';

const DEFAULT_MAX_DELIVER = 5;
const DEFAULT_CONCURRENCY = 10;

/**
 * Runs a method at each due time of a schedule: once in all instances of the application. `@Ctx()` is a
 * {@link ScheduleContext}, whose `run` has the due time; `@Payload()` is what `Schedules.runNow` and `Schedules.at` were
 * given, otherwise `undefined`.
 *
 * A run is a message of a stream, and is handled as with {@link JsConsumer}: if the method throws, it is retried, with 5
 * deliveries by default, and then becomes a dead letter, if that is enabled. The consumer is shared by all instances.
 *
 * On nats-server 2.14 and newer, the server publishes the runs. With older servers, one instance does, which is elected;
 * this needs nats-server 2.9. Cron expressions need the package `croner`.
 *
 * If the expression or an option is invalid, the startup fails with a {@link HandlerConfigurationError}.
 *
 * @example
 * ```ts
 * @JsSchedule('0 0 6 * * *', { timeZone: 'Europe/Amsterdam' })
 * async daily(@Ctx() { run }: ScheduleContext) {
 *   await this.reports.create(run.dueTime);
 * }
 *
 * @JsSchedule({ every: 30_000 }, { catchUp: 'none' })
 * async poll() {}
 * ```
 *
 * @param time a cron expression of six fields, an interval in milliseconds, or a single time
 */
export function JsSchedule(time: ScheduleTime, options: ScheduleOptions = {}): HandlerMethodDecorator {
  return (target, method, descriptor) => {
    const fallback = `${target.constructor.name}.${String(method)}`;
    const { schedule, options: read, mistakes } = readSchedule(time, options, fallback);
    const { name: _, timeZone: __, catchUp: ___, overlap: ____, stream: _____, ...consuming } = read;
    const { concurrency = DEFAULT_CONCURRENCY } = read;
    addHandler({
      kind: 'consumer',
      options: {
        ...consuming,
        ...(schedule.overlap === 'allow' ? { concurrency } : { concurrency: 1, maxAckPending: 1 }),
        durable: durableOf(schedule.name),
        stream: SCHEDULE_STREAM,
        filterSubjects: new ScheduleSubjects(SCHEDULE_STREAM, schedule.name).runs,
        deliverPolicy: 'new',
        retry: { maxDeliver: DEFAULT_MAX_DELIVER, ...consuming.retry },
      },
      schedule,
      mistakes,
    })(target, method, descriptor);
  };
}
