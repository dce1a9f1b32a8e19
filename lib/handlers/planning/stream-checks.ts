import { type ConsumerSource, filtersOf, type RunningPlan } from '../../consuming/index.js';
import { type StoredStreamConfig, subjectCovers, subjectsOverlap } from '../../jetstream/index.js';
import type { ConsumerPlan } from './consumer-plan.js';

/** The filters and patterns of a handler that cannot match any subject of its stream. */
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
 * A handler of a whole stream also receives its schedules. Acknowledging a schedule removes it, unless the stream uses
 * limits retention.
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
    `receives all messages of stream "${plan.stream}", including its schedules, and an acknowledgement removes a schedule from ` +
      `a stream with retention "${config.retention}": set filterSubjects that do not match the subjects of schedules, or keep ` +
      'schedules in a stream with retention "limits"',
  ];
}

/** How schedules that a handler receives are treated; see {@link ConsumerSource.schedules}. */
export function schedulesOf(config: StoredStreamConfig): ConsumerSource['schedules'] {
  if (!config.allowMessageSchedules) return undefined;
  return config.retention === 'limits' ? 'skip' : 'keep';
}

/** The subjects of a stream; `undefined` if its messages may have other subjects (mirrors, sources, transforms). */
function subjectsOf(config: StoredStreamConfig): readonly string[] | undefined {
  if (config.mirror || config.sources?.length || config.subjectTransform) return undefined;
  return config.subjects;
}
