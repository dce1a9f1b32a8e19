import { type ConsumerSource, filtersOf, type RunningPlan } from '../../consuming/index.js';
import { type StoredStreamConfig, subjectCovers, subjectsOverlap } from '../../jetstream/index.js';
import type { ConsumerPlan } from './consumer-plan.js';

/** Filters and patterns of a handler that nothing in its stream can match. */
export function checkFilters(plan: ConsumerPlan, config: StoredStreamConfig): readonly string[] {
  const subjects = subjectsOf(config);
  if (subjects === undefined) return [];
  const patterns = plan.methods.flatMap(({ method }) => method.patterns);
  return [...new Set([...filtersOf(plan.options), ...patterns])]
    .filter((filter) => !subjects.some((subject) => subjectsOverlap(subject, filter)))
    .map(
      (filter) =>
        `stream "${plan.stream}" has no subject that "${filter}" could match; it listens on ${subjects.join(', ')}`,
    );
}

/**
 * A handler of a whole stream gets its schedules too. To acknowledge one removes it, unless the stream keeps messages by its
 * limits.
 */
export function checkSchedules(
  plan: Pick<ConsumerSource & RunningPlan, 'stream' | 'options'>,
  config: StoredStreamConfig,
): readonly string[] {
  if (!config.allowMessageSchedules || config.retention === 'limits') return [];
  const filters = filtersOf(plan.options);
  const subjects = subjectsOf(config) ?? [];
  const all =
    filters.length === 0 || subjects.every((each) => filters.some((filter) => subjectCovers(filter, each)));
  if (!all) return [];
  return [
    `takes all messages of stream "${plan.stream}", also its schedules, and an acknowledgement removes a schedule from a stream ` +
      `with retention "${config.retention}": give filterSubjects without the subjects of schedules, or keep schedules in a ` +
      'stream with retention "limits"',
  ];
}

/** What becomes of the schedules in a stream that a handler gets; see {@link ConsumerSource.schedules}. */
export function schedulesOf(config: StoredStreamConfig): ConsumerSource['schedules'] {
  if (!config.allowMessageSchedules) return undefined;
  return config.retention === 'limits' ? 'skip' : 'keep';
}

/** What a stream listens on; `undefined` if its messages may have other subjects (mirrors, sources, transforms). */
function subjectsOf(config: StoredStreamConfig): readonly string[] | undefined {
  if (config.mirror || config.sources?.length || config.subjectTransform) return undefined;
  return config.subjects;
}
