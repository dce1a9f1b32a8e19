import { PermissionDeniedError, StreamNotFoundError } from '../errors/index.js';
import type { AccountInfo, AccountUsage, JetStreamService, StreamInfo } from '../jetstream/index.js';
import { errorText } from '../reporting/index.js';
import type { Deadline } from '../timing/index.js';
import { UNOPENED } from './connection-check.js';
import type { ResourceHealth } from './health-report.js';
import { type Answer, REQUEST_TIMEOUT, type SharedAnswers } from './shared-answers.js';
import type { Troubles } from './troubles.js';

/** A stream or bucket that must exist. */
export interface RequiredResource {
  readonly kind: 'stream' | 'bucket' | 'object-store';
  readonly name: string;
}

/** The context of the checks of resources; durations in milliseconds. */
export interface ResourceCheckContext {
  readonly jetstream: JetStreamService;
  readonly grace: number;
  readonly timeout: number;
  readonly answers: SharedAnswers;
  readonly troubles: Troubles;
  readonly deadline: Deadline;
}

const STREAM_PREFIX = { stream: '', bucket: 'KV_', 'object-store': 'OBJ_' };

/** Checks that a stream or bucket exists and has a leader. */
export async function checkResource(
  resource: RequiredResource,
  context: ResourceCheckContext,
): Promise<ResourceHealth> {
  const { jetstream, answers, deadline, troubles } = context;
  if (jetstream.status.state === 'unopened') return { status: 'up', message: UNOPENED, ...resource };
  const stream = STREAM_PREFIX[resource.kind] + resource.name;
  const question = `${jetstream.connection.name} stream ${stream}`;
  const ask = async (): Promise<StreamInfo> => {
    return (await jetstream.stream(stream, { timeout: REQUEST_TIMEOUT })).cachedInfo;
  };
  const answer = await answers.get(jetstream, question, ask, deadline);
  if (answer.kind !== 'answer') return { ...resource, ...unanswered(question, answer, context) };
  const { cluster } = answer.value;
  if (cluster !== undefined && cluster.leader === undefined) {
    return { ...resource, ...afterGrace(question, 'It has no leader.', context) };
  }
  troubles.over(question);
  return { status: 'up', ...resource, leader: cluster?.leader };
}

/** Compares the used storage of an account with its limits. Without a limit, there is nothing to compare. */
export async function checkStorage(share: number, context: ResourceCheckContext): Promise<ResourceHealth[]> {
  const { jetstream, answers, deadline, troubles } = context;
  const { name } = jetstream.connection;
  if (jetstream.status.state === 'unopened')
    return [{ kind: 'storage', status: 'up', message: UNOPENED, name }];
  const question = `${name} account`;
  const ask = (): Promise<AccountInfo> => jetstream.accountInfo({ timeout: REQUEST_TIMEOUT });
  const answer = await answers.get(jetstream, question, ask, deadline);
  if (answer.kind !== 'answer') return [{ kind: 'storage', name, ...unanswered(question, answer, context) }];
  troubles.over(question);
  const { tiers, ...total } = answer.value;
  return [
    ...usageOf(total, undefined, share, name),
    ...Object.entries(tiers).flatMap(([tier, usage]) => usageOf(usage, tier, share, name)),
  ];
}

function usageOf(
  { storage, memory, limits }: AccountUsage,
  tier: string | undefined,
  share: number,
  name: string,
): ResourceHealth[] {
  const measured = [
    { kind: 'storage', used: storage, limit: limits.maxStorage },
    { kind: 'memory', used: memory, limit: limits.maxMemory },
  ] as const;
  return measured.flatMap(({ kind, used, limit }): ResourceHealth[] => {
    if (limit <= 0) return [];
    const about = { kind, name, tier, used, limit };
    if (used <= share * limit) return [{ status: 'up', ...about }];
    const percent = Math.floor((100 * used) / limit);
    const message = `${used} of ${limit} bytes are used: ${percent} percent, more than ${Math.round(100 * share)} (usedStorage).`;
    return [{ status: 'down', message, ...about }];
  });
}

/** A missing stream and a missing permission do not pass by themselves; anything else may. */
function unanswered(
  question: string,
  answer: Exclude<Answer<unknown>, { readonly kind: 'answer' }>,
  context: ResourceCheckContext,
): Pick<ResourceHealth, 'status' | 'message'> {
  const { troubles, timeout } = context;
  if (answer.kind === 'error') {
    const { error } = answer;
    if (error instanceof StreamNotFoundError || error instanceof PermissionDeniedError) {
      const message = errorText(error);
      troubles.report(question, message);
      return { status: 'down', message };
    }
  }
  const silence =
    answer.kind === 'late' ? `The server did not answer within ${timeout} ms.` : errorText(answer.error);
  const known = troubles.reported(question);
  if (known === undefined) return afterGrace(question, silence, context);
  return { status: 'down', message: `${known.problem} This was the last answer. ${silence}` };
}

function afterGrace(
  question: string,
  problem: string,
  { troubles, grace }: ResourceCheckContext,
): Pick<ResourceHealth, 'status' | 'message'> {
  const age = troubles.age(question);
  return { status: age >= grace ? 'down' : 'up', message: `${problem} This has lasted for ${age} ms.` };
}
