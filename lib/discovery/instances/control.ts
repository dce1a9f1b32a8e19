import type { Msg } from '@nats-io/transport-node';
import {
  ControlFailedError,
  ControlNotAllowedError,
  InstanceHandlerNotFoundError,
  InstanceNotFoundError,
  NoRespondersError,
} from '../../errors/index.js';
import { printable } from '../../reporting/index.js';
import type { Requests } from '../../requests/index.js';
import type { Deadline } from '../../timing/index.js';
import { isObject } from '../../validation/index.js';
import {
  CONTROL_TYPE,
  type ControlAction,
  type ControlProblem,
  type ControlRequest,
  controlSubject,
} from '../control-messages.js';
import { parsed } from '../parsed-payload.js';
import {
  type HandlerReport,
  SERVICE_TYPES,
  type ServiceIdentity,
  serviceSubject,
} from '../service-messages.js';
import { Answers } from './answers.js';
import { gather } from './gather.js';
import { isText, readIdentity, readList, readReport } from './read-instance.js';

/** How long the search for instances may take, in milliseconds. */
const LONGEST_SEARCH = 2_000;

/** A command for a handler. */
export interface Command extends ControlRequest {
  readonly action: ControlAction;
  /** The name of the service. */
  readonly service: string;
  readonly deadline: Deadline;
  readonly signal: AbortSignal | undefined;
}

/** Sends commands for handlers to instances of services. */
export class ControlClient {
  constructor(private readonly requests: Requests) {}

  /** The instances of a service. */
  async find(
    service: string,
    { deadline, signal }: Pick<Command, 'deadline' | 'signal'>,
    id?: string,
  ): Promise<readonly ServiceIdentity[]> {
    const answers = new Answers<ServiceIdentity>(
      (answer) => readIdentity(answer, SERVICE_TYPES.PING),
      service,
    );
    await gather(this.requests, serviceSubject('PING', service, id), {
      timeout: Math.max(1, Math.min(LONGEST_SEARCH, deadline.left)),
      signal,
      // There is one instance with an id.
      onAnswer: (answer) => answers.add(answer) && id === undefined,
    });
    return answers.list;
  }

  /**
   * Sends a command to one instance, and returns the state of the handler afterwards.
   *
   * @throws {@link InstanceNotFoundError}, {@link ControlNotAllowedError}, {@link InstanceHandlerNotFoundError},
   * {@link ControlFailedError}, and the errors of `Requests.request`
   */
  async send(command: Command, id: string): Promise<readonly HandlerReport[]> {
    const { action, service, handler, by, deadline, signal } = command;
    const subject = controlSubject(action, service, id);
    let reply: Msg;
    try {
      reply = await this.requests.request(subject, JSON.stringify({ handler, by }), {
        timeout: Math.max(1, deadline.left),
        signal,
      });
    } catch (error) {
      if (!(error instanceof NoRespondersError)) throw error;
      const [found] = await this.find(service, command, id);
      throw found === undefined
        ? new InstanceNotFoundError(service, id)
        : new ControlNotAllowedError(service, id);
    }
    const answer = parsed(reply.data);
    const identity = readIdentity(answer, CONTROL_TYPE);
    if (identity?.id === id && identity.name === service && answer !== undefined) {
      if (answer.error !== undefined) throw this.problem(command, id, answer.error);
      const handlers = readList(answer.handlers, readReport);
      if (handlers !== undefined) return handlers;
    }
    throw new ControlFailedError(service, id, handler, action, 'its answer is not valid.');
  }

  /** The texts were written by the instance. */
  private problem({ service, handler, action }: Command, id: string, error: unknown): Error {
    const { code, message } = isObject(error) ? error : {};
    const problem = isText(message) ? printable(message) : 'it gave no reason.';
    return (code as ControlProblem) === 'handler-not-found'
      ? new InstanceHandlerNotFoundError(service, id, handler, problem)
      : new ControlFailedError(service, id, handler, action, problem);
  }
}
