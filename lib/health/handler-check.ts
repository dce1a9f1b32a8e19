import type { HandlerState } from '../consuming/index.js';
import { ConsumerNotFoundError, PermissionDeniedError, StreamNotFoundError } from '../errors/index.js';
import { consumerInfo, type ConsumerInfo, type JetStreamService } from '../jetstream/index.js';
import { errorText } from '../reporting/index.js';
import type { Deadline } from '../timing/index.js';
import type { HandlerHealth } from './health-report.js';
import { type Answer, REQUEST_TIMEOUT, type SharedAnswers } from './shared-answers.js';
import type { Troubles } from './troubles.js';

/** The limits of a check of a handler; durations in milliseconds. */
export interface HandlerLimits {
  readonly stalledAfter: number;
  readonly maxPending: number;
  readonly grace: number;
  readonly timeout: number;
}

/** The context of the checks of one handler. */
export interface HandlerCheckContext {
  /** The service of the handler's connection. */
  readonly jetstream: JetStreamService;
  /** Identifies the handler. */
  readonly key: string;
  readonly answers: SharedAnswers;
  readonly troubles: Troubles;
  readonly deadline: Deadline;
}

/** Checks one handler: first what this process knows, then what the server says about its consumer. */
export async function checkHandler(
  state: HandlerState,
  limits: HandlerLimits,
  context: HandlerCheckContext,
): Promise<HandlerHealth> {
  const local = checkLocally(state, limits, context);
  if (local !== undefined) return local;
  const { consumer, kind } = state;
  if (kind !== 'consumer' || consumer === undefined) {
    context.troubles.over(context.key);
    return healthOf(state, 'up');
  }
  const answer = await askAbout(state.source, consumer, context);
  return checkConsumer(state, answer, limits, context);
}

/** What is known without the server; `undefined` if the server must be asked. */
function checkLocally(
  state: HandlerState,
  limits: HandlerLimits,
  { jetstream, key, troubles }: HandlerCheckContext,
): HandlerHealth | undefined {
  const { status, statusAge, connected, error } = state;
  const connection = jetstream.status;
  if (connection.state === 'closed') {
    return healthOf(state, 'down', 'Its connection was closed for good. Restart the application.');
  }
  // Stopped and paused by a command: that is not a fault.
  if (status === 'stopped' || status === 'paused') {
    troubles.over(key);
    return healthOf(state, 'up');
  }
  const hanging = hangs(state, limits.stalledAfter);
  if (hanging !== undefined) return healthOf(state, 'down', hanging);
  if (!connected) {
    const age = Math.max(troubles.age(key, connection.stateAge), troubles.reported(key)?.age ?? 0);
    return afterGrace(state, age, limits, 'Its connection has no link to a server.');
  }
  if (status === 'running') return undefined;
  const problem = error === undefined ? `It is ${status}.` : `It is ${status}: ${errorText(error)}`;
  const age = Math.max(troubles.age(key, statusAge), troubles.reported(key)?.age ?? 0);
  return afterGrace(state, age, limits, problem);
}

/** Describes a handler that hangs; `undefined` if it does not. */
export function hangs({ oldest, status }: HandlerState, stalledAfter: number): string | undefined {
  if (oldest <= stalledAfter || status === 'paused') return undefined;
  return `It has been running for one message for ${oldest} ms, more than ${stalledAfter} ms (stalledAfter).`;
}

function checkConsumer(
  state: HandlerState,
  answer: Answer<ConsumerInfo>,
  limits: HandlerLimits,
  { key, troubles }: HandlerCheckContext,
): HandlerHealth {
  if (answer.kind !== 'answer') return unanswered(state, answer, limits, { key, troubles });
  troubles.over(key);
  const { value: info } = answer;
  const about = { pending: info.numPending, ackPending: info.numAckPending };
  const idle = idleFor(state, info, key, troubles);
  if (info.paused) return { ...healthOf(state, 'up', 'Its consumer is paused on the server.'), ...about };
  if (info.numPending > limits.maxPending) {
    const lag = `${info.numPending} messages are pending, more than ${limits.maxPending} (maxPending).`;
    return { ...healthOf(state, 'down', lag), ...about };
  }
  if (idle > limits.stalledAfter) {
    const stalled =
      `${info.numPending} messages are pending, but its consumer has not delivered any for ${idle} ms, ` +
      `more than ${limits.stalledAfter} ms (stalledAfter).`;
    return { ...healthOf(state, 'down', stalled), ...about };
  }
  return { ...healthOf(state, 'up'), ...about };
}

/** A problem that the server has reported stays true while it does not answer. */
function unanswered(
  state: HandlerState,
  answer: Exclude<Answer<ConsumerInfo>, { readonly kind: 'answer' }>,
  limits: HandlerLimits,
  { key, troubles }: Pick<HandlerCheckContext, 'key' | 'troubles'>,
): HandlerHealth {
  if (answer.kind === 'error') {
    const { error } = answer;
    // A missing permission does not keep the handler from running.
    if (error instanceof PermissionDeniedError) {
      troubles.over(key);
      return healthOf(state, 'up', `The consumer was not checked. ${errorText(error)}`);
    }
    if (error instanceof ConsumerNotFoundError || error instanceof StreamNotFoundError) {
      const problem = errorText(error);
      return afterGrace(state, troubles.report(key, problem), limits, problem);
    }
  }
  const known = troubles.reported(key);
  if (known !== undefined) return afterGrace(state, known.age, limits, known.problem);
  const silence =
    answer.kind === 'late'
      ? `The server did not answer a question about its consumer within ${limits.timeout} ms.`
      : errorText(answer.error);
  return afterGrace(state, troubles.age(key), limits, silence);
}

/**
 * How long the consumer has delivered nothing although it could, in milliseconds. The position is part of the name, so
 * that any delivery ends it.
 */
function idleFor(state: HandlerState, info: ConsumerInfo, key: string, troubles: Troubles): number {
  const idle = `${key} idle`;
  const isIdle = info.numPending > 0 && info.numAckPending === 0 && state.running + state.waiting === 0;
  if (!isIdle || state.circuitOpen || withholds(info)) {
    troubles.over(idle);
    return 0;
  }
  return troubles.age(idle, 0, info.delivered.consumerSequence);
}

/** Whether the configuration of a consumer explains that it delivers nothing to this instance. */
function withholds({ paused, config, priorityGroups }: ConsumerInfo): boolean {
  return (
    paused ||
    config.replayPolicy === 'original' ||
    config.rateLimitBps !== undefined ||
    ('priorityPolicy' in config && config.priorityPolicy === 'overflow') ||
    priorityGroups.some(({ pinnedClientId }) => pinnedClientId !== undefined)
  );
}

async function askAbout(
  stream: string,
  consumer: string,
  { jetstream, answers, deadline }: HandlerCheckContext,
): Promise<Answer<ConsumerInfo>> {
  return answers.get(
    jetstream,
    `consumer ${stream} ${consumer}`,
    () => consumerInfo(jetstream.api, stream, consumer, { timeout: REQUEST_TIMEOUT }),
    deadline,
  );
}

function afterGrace(
  state: HandlerState,
  age: number,
  { grace }: HandlerLimits,
  problem: string,
): HandlerHealth {
  const status = age >= grace ? 'down' : 'up';
  return healthOf(state, status, `${problem.replace(/\.?$/, '.')} This has lasted for ${age} ms.`);
}

function healthOf(state: HandlerState, status: 'up' | 'down', message?: string): HandlerHealth {
  const { handler, connection, source, consumer, connected, running, waiting, oldest } = state;
  return {
    status,
    message,
    handler,
    connection,
    source,
    consumer,
    state: state.status,
    connected,
    running,
    waiting,
    oldest,
  };
}
