import { type HandlerSource, JetStreamContext, type SettlementPolicy } from '../../consuming/index.js';
import type { JetStreamMessage } from '../../jetstream/index.js';
import type { RunReader } from './run-reader.js';
import type { ScheduledRun } from './scheduled-run.js';

/**
 * The `@Ctx()` of a method decorated with `@JsSchedule`. Message, headers and metadata are those of the message that
 * stands for the run.
 *
 * @example
 * ```ts
 * @JsSchedule('0 0 6 * * *')
 * async daily(@Ctx() { run }: ScheduleContext) {
 *   await this.reports.create(run.dueTime);
 * }
 * ```
 */
export class ScheduleContext extends JetStreamContext {
  /** @internal */
  constructor(
    message: JetStreamMessage,
    policy: SettlementPolicy,
    private readonly reader: RunReader,
  ) {
    super(message, policy);
  }

  /** The run: its schedule, its due time, its attempt. */
  get run(): ScheduledRun {
    return this.reader.read(this.message);
  }
}

/** The parameters of a scheduled method, read from its message as another source does, except the context. */
export function scheduleSource(
  source: HandlerSource<JetStreamMessage>,
  policy: SettlementPolicy,
  reader: RunReader,
): HandlerSource<JetStreamMessage> {
  return { ...source, context: (message) => new ScheduleContext(message, policy, reader) };
}
