import { type CallTable, waiting } from '../../connection/index.js';
import { InstanceNotFoundError, InvalidArgumentError } from '../../errors/index.js';
import type { JetStreamInstrument } from '../../instruments/index.js';
import { CALL_OPTIONS, type CallOptions, type JetStreamService } from '../../jetstream/index.js';
import { shown, toError } from '../../reporting/index.js';
import { Deadline } from '../../timing/index.js';
import { throwIfAborted } from '../../user-code/index.js';
import { optionsCheck, rule } from '../../validation/index.js';
import { type ControlAction, LONGEST_HANDLER, LONGEST_SENDER } from '../control-messages.js';
import { serviceName } from '../discovery-options.js';
import { type HandlerReport, serviceSubject } from '../service-messages.js';
import { Answers } from './answers.js';
import { type Command, ControlClient } from './control.js';
import { gather } from './gather.js';
import { isInstanceId, readInstance } from './read-instance.js';
import type { ServiceInstance, ServiceInstances } from './service-instance.js';

/** How long answers are gathered, in milliseconds. */
const DEFAULT_TIMEOUT = 2_000;

/** Options of {@link JetStreamInstances.list}. */
export interface ListInstancesOptions extends CallOptions {
  /** The name of the service. Default: that of this application. */
  readonly name?: string | undefined;
}

/** Options of the commands of {@link JetStreamInstances}. */
export interface ControlOptions extends ListInstancesOptions {
  /** The id of an instance. Default: all instances of the service. */
  readonly id?: string | undefined;
  /**
   * The person or program that sends the command, up to 200 characters: the log and the events of the instances contain
   * it. It is not verified.
   */
  readonly by?: string | undefined;
}

/** The result of a command on one instance. */
export interface ControlResult {
  /** The id of the instance. */
  readonly id: string;
  /** The handler after the command: one entry for each method of a class. Empty if it failed. */
  readonly handlers: readonly HandlerReport[];
  /** Why it failed. */
  readonly error: Error | undefined;
}

const checkListOptions = optionsCheck<ListInstancesOptions>('list', { ...CALL_OPTIONS, name: serviceName });
const checkControlOptions = optionsCheck<ControlOptions>('a command', {
  ...CALL_OPTIONS,
  name: serviceName,
  id: rule('the id of an instance', isInstanceId),
  by: rule(
    `a string of up to ${LONGEST_SENDER} characters`,
    (value) => typeof value === 'string' && value.length <= LONGEST_SENDER,
  ),
});
const checkAllOptions = optionsCheck<CallOptions>('listAll', CALL_OPTIONS);

/** The service that this application is, if it has the option `discovery`. */
export interface OwnService {
  readonly name: string;
  readonly id: string;
  readonly instrument: JetStreamInstrument;
}

/** For applications that are not a service. */
const NOTHING: JetStreamInstrument = { handler: () => undefined };

/**
 * The instances of services that are running now: those of this library, with the states and figures of their handlers,
 * and those of any other library that implements ADR-32. Every connection has one; it does not need the option
 * `discovery` itself.
 *
 * Answers are gathered until none has arrived for a quarter of the `timeout`, and at most for the `timeout`, by default
 * 2,000 ms. Instances whose answer takes longer are missing.
 *
 * The commands `pause`, `resume`, `stop` and `start` control a handler of one instance, or of all instances of a service,
 * as those of {@link Handlers} do in this process. The instances need the option `discovery: { control: true }`. With an
 * `id`, a command rejects if it failed; without it, it resolves with the result of each instance. The whole command may
 * take `timeout`, by default the `jetstream.timeout` of the connection; `stop` takes up to the `shutdownTimeout` of the
 * instance. After a timeout it is unknown whether the command was executed; commands are safe to repeat.
 */
export class JetStreamInstances {
  private readonly control: ControlClient;

  /** @internal Created by the module. */
  constructor(
    private readonly jetstream: JetStreamService,
    private readonly own: OwnService | undefined,
  ) {
    this.control = new ControlClient(jetstream.requests);
  }

  /** @internal The service that this application is; `undefined` without the option `discovery`. */
  get service(): Pick<OwnService, 'name' | 'id'> | undefined {
    return this.own;
  }

  /** The id of this instance; `undefined` without the option `discovery`. */
  get id(): string | undefined {
    return this.own?.id;
  }

  /**
   * Counts messages for the figures of this instance: for the option `instruments` of a `JetStreamServer` of this
   * application that has a connection of its own. Its patterns are then endpoints of this instance. It counts nothing
   * without the option `discovery`.
   */
  get instrument(): JetStreamInstrument {
    return this.own?.instrument ?? NOTHING;
  }

  /**
   * Lists the instances of one service. The list is empty if there is none.
   *
   * @throws {@link InvalidArgumentError} also if `name` is missing and this application has no option `discovery`
   * @throws {@link RequestTimeoutError} if the server does not respond, or the connection has no link
   * @throws {@link PermissionDeniedError} if its user may not publish to `$SRV.STATS.<name>`
   */
  async list(options: ListInstancesOptions = {}): Promise<ServiceInstances> {
    const { name, ...call } = checkListOptions(options);
    return this.ask(this.nameOf(name), call);
  }

  /**
   * Lists the instances of all services.
   *
   * @throws {@link RequestTimeoutError} if the server does not respond, or the connection has no link
   * @throws {@link PermissionDeniedError} if its user may not publish to `$SRV.STATS`
   */
  async listAll(options: CallOptions = {}): Promise<ServiceInstances> {
    return this.ask(undefined, checkAllOptions(options));
  }

  /**
   * Pauses a handler, as {@link Handlers.pause}.
   *
   * @param handler its `controlName`, such as `Billing.onPlaced`
   * @throws {@link InstanceNotFoundError} if no instance answers; with `id`, also
   * {@link ControlNotAllowedError}, {@link InstanceHandlerNotFoundError}, {@link ControlFailedError} and
   * {@link RequestTimeoutError}; without it, these are in the results
   * @throws {@link PermissionDeniedError} if the user may not publish to `$SRV.PING.<name>`, or, with `id`, to
   * `jetstream-control.pause.<name>.<id>`
   * @throws {@link InvalidArgumentError}
   */
  async pause(handler: string, options: ControlOptions = {}): Promise<readonly ControlResult[]> {
    return this.send('pause', handler, options);
  }

  /**
   * Resumes a handler after {@link pause}, as {@link Handlers.resume}.
   *
   * @param handler its `controlName`, such as `Billing.onPlaced`
   * @throws {@link InstanceNotFoundError} if no instance answers; with `id`, also
   * {@link ControlNotAllowedError}, {@link InstanceHandlerNotFoundError}, {@link ControlFailedError} and
   * {@link RequestTimeoutError}; without it, these are in the results
   * @throws {@link PermissionDeniedError} if the user may not publish to `$SRV.PING.<name>`, or, with `id`, to
   * `jetstream-control.resume.<name>.<id>`
   * @throws {@link InvalidArgumentError}
   */
  async resume(handler: string, options: ControlOptions = {}): Promise<readonly ControlResult[]> {
    return this.send('resume', handler, options);
  }

  /**
   * Stops a handler, as {@link Handlers.stop}.
   *
   * @param handler its `controlName`, such as `Billing.onPlaced`
   * @throws {@link InstanceNotFoundError} if no instance answers; with `id`, also
   * {@link ControlNotAllowedError}, {@link InstanceHandlerNotFoundError}, {@link ControlFailedError} and
   * {@link RequestTimeoutError}; without it, these are in the results
   * @throws {@link PermissionDeniedError} if the user may not publish to `$SRV.PING.<name>`, or, with `id`, to
   * `jetstream-control.stop.<name>.<id>`
   * @throws {@link InvalidArgumentError}
   */
  async stop(handler: string, options: ControlOptions = {}): Promise<readonly ControlResult[]> {
    return this.send('stop', handler, options);
  }

  /**
   * Starts a handler that was stopped, as {@link Handlers.start}.
   *
   * @param handler its `controlName`, such as `Billing.onPlaced`
   * @throws {@link InstanceNotFoundError} if no instance answers; with `id`, also
   * {@link ControlNotAllowedError}, {@link InstanceHandlerNotFoundError}, {@link ControlFailedError} and
   * {@link RequestTimeoutError}; without it, these are in the results
   * @throws {@link PermissionDeniedError} if the user may not publish to `$SRV.PING.<name>`, or, with `id`, to
   * `jetstream-control.start.<name>.<id>`
   * @throws {@link InvalidArgumentError}
   */
  async start(handler: string, options: ControlOptions = {}): Promise<readonly ControlResult[]> {
    return this.send('start', handler, options);
  }

  private async send(
    action: ControlAction,
    handler: string,
    options: ControlOptions,
  ): Promise<readonly ControlResult[]> {
    const { name, id, by, signal, ...limits } = checkControlOptions(options);
    const { timeout = this.jetstream.connection.timeout } = limits;
    if (typeof handler !== 'string' || handler === '' || handler.length > LONGEST_HANDLER)
      throw new InvalidArgumentError('handler', `${shown(handler)} is not the name of a handler`);
    throwIfAborted(signal);
    const service = this.nameOf(name);
    const command: Command = { action, service, handler, by, deadline: new Deadline(timeout), signal };
    if (id !== undefined) return [{ id, handlers: await this.control.send(command, id), error: undefined }];
    const found = await this.control.find(service, command);
    if (found.length === 0) throw new InstanceNotFoundError(service, undefined);
    return Promise.all(found.map((instance) => this.resultOf(command, instance.id)));
  }

  private async resultOf(command: Command, id: string): Promise<ControlResult> {
    try {
      return { id, handlers: await this.control.send(command, id), error: undefined };
    } catch (error) {
      throwIfAborted(command.signal);
      return { id, handlers: [], error: toError(error) };
    }
  }

  /** @throws {@link InvalidArgumentError} */
  private nameOf(name = this.own?.name): string {
    if (name !== undefined) return name;
    throw new InvalidArgumentError(
      'name',
      'it is missing, and this application is no service: set the name of a service, or the option discovery of ' +
        'JetStreamModule.forRoot',
    );
  }

  private async ask(name: string | undefined, { timeout, signal }: CallOptions): Promise<ServiceInstances> {
    const answers = new Answers<ServiceInstance>((answer) => readInstance(answer, this.id), name);
    await gather(this.jetstream.requests, serviceSubject('STATS', name), {
      timeout: timeout ?? DEFAULT_TIMEOUT,
      signal,
      onAnswer: (answer) => answers.add(answer),
    });
    return { instances: answers.list, skipped: answers.skipped };
  }
}

/** How the methods behave before the connection is open. */
export const INSTANCES_CALLS: CallTable<JetStreamInstances> = {
  list: waiting(0),
  listAll: waiting(0),
  pause: waiting(1),
  resume: waiting(1),
  stop: waiting(1),
  start: waiting(1),
};
