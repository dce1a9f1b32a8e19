import type { ConfigurationProblem, JsConsumerOptions } from '../../consuming/index.js';
import { errorText } from '../../reporting/index.js';
import {
  durableOf,
  prepareTimes,
  RunReader,
  SCHEDULE_STREAM,
  type ScheduledMethod,
  ScheduleSubjects,
} from '../../schedules/index.js';
import { given } from '../../validation/index.js';
import type { ConsumerDefinition } from '../discovery/index.js';
import type { HandlerConnection } from '../handler-connection.js';
import type { ConsumerPlan } from './consumer-plan.js';

/** A handler with its schedule, and what is wrong with the schedule. */
export interface PlannedSchedule {
  readonly options: JsConsumerOptions;
  readonly method?: ScheduledMethod;
  readonly mistakes: readonly string[];
}

/**
 * Completes the options of a handler with a schedule: its stream is that of the decorator, of the module, or the default
 * one. Other options are returned unchanged.
 *
 * @param isValid whether the decorator has no mistakes
 */
export async function planSchedule(
  { name: handler, schedule }: ConsumerDefinition,
  options: JsConsumerOptions,
  { schedules }: HandlerConnection,
  isValid: boolean,
): Promise<PlannedSchedule> {
  if (schedule === undefined) return { options, mistakes: [] };
  const wanted = { ...given(schedules.stream ?? {}), ...given(schedule.stream) };
  const stream = { ...wanted, name: wanted.name ?? SCHEDULE_STREAM };
  const filterSubjects = new ScheduleSubjects(stream.name, schedule.name).runs;
  const complete: JsConsumerOptions = { ...options, stream: stream.name, filterSubjects };
  if (!isValid) return { options: complete, mistakes: [] };
  try {
    const timesOf = await prepareTimes([schedule.timing]);
    const reader = new RunReader(schedule.name, schedule.timing, timesOf);
    const method = { handler, schedule: { ...schedule, stream }, reader, timesOf };
    const isNever =
      schedule.timing.kind === 'cron' && timesOf(schedule.timing, 0).next(Date.now()) === undefined;
    const mistakes = isNever
      ? [
          `the cron expression "${schedule.text}" does not match any time within five years: correct its day and month`,
        ]
      : [];
    return { options: complete, method, mistakes };
  } catch (error) {
    return { options: complete, mistakes: [errorText(error)] };
  }
}

/** Schedules with the same name, or with the same consumer. */
export function sharedSchedules(plans: readonly ConsumerPlan[]): readonly ConfigurationProblem[] {
  const problems: ConfigurationProblem[] = [];
  const first = new Map<string, ConsumerPlan>();
  for (const plan of plans) {
    if (plan.schedule === undefined) continue;
    const { name } = plan.schedule.schedule;
    const key = `${plan.connection.name}\n${plan.stream}\n${durableOf(name)}`;
    const other = first.get(key);
    if (other === undefined) {
      first.set(key, plan);
      continue;
    }
    const problem =
      `its schedule "${name}" and "${other.schedule?.schedule.name ?? name}" of ${other.handler} have the same name or ` +
      'consumer, so each run would reach only one of them: set the option name, or provide the class only once';
    problems.push({ handler: plan.handler, problem });
  }
  return problems;
}

/** Schedules of one stream that want it with different options. */
export function differentStreams(plans: readonly ConsumerPlan[]): readonly ConfigurationProblem[] {
  const first = new Map<string, ConsumerPlan>();
  return plans.flatMap((plan) => {
    if (plan.schedule === undefined) return [];
    const key = `${plan.connection.name}\n${plan.stream}`;
    const other = first.get(key) ?? plan;
    first.set(key, other);
    const [ours, theirs] = [plan, other].map(({ schedule }) => schedule?.schedule.stream ?? {});
    if (ours?.replicas === theirs?.replicas && ours?.storage === theirs?.storage) return [];
    const problem =
      `wants stream "${plan.stream}" with other replicas or another storage than ${other.handler}: set them in the option ` +
      'schedules.stream of JetStreamModule.forRoot';
    return [{ handler: plan.handler, problem }];
  });
}
