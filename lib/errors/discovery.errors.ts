import { JetStreamError } from './jetstream.error.js';

/**
 * No instance of the service answered.
 *
 * @remarks Check the name and the id with `JetStreamInstances.listAll()`. An instance answers while its application is
 * running with the option `discovery`, and if its user may subscribe to the subjects of `$SRV`.
 */
export class InstanceNotFoundError extends JetStreamError {
  constructor(
    /** The name of the service. */
    readonly service: string,
    /** The id of the instance; `undefined` if any instance was looked for. */
    readonly id: string | undefined,
  ) {
    const what = id === undefined ? 'instance' : `instance "${id}"`;
    super(
      `No ${what} of the service "${service}" answered. Check the name with JetStreamInstances.listAll(): an instance ` +
        'answers while its application is running with the option discovery.',
    );
  }
}

/**
 * The instance is running, but does not let other clients control its handlers.
 *
 * @remarks Set `discovery: { control: true }` in its application, and permit its user to subscribe to
 * `jetstream-control.*.<service>.<id>`.
 */
export class ControlNotAllowedError extends JetStreamError {
  constructor(
    /** The name of the service. */
    readonly service: string,
    /** The id of the instance. */
    readonly id: string,
  ) {
    super(
      `Instance "${id}" of the service "${service}" does not accept commands for its handlers. Set the option ` +
        `discovery: { control: true } in its application, and permit its user to subscribe to "jetstream-control.*.${service}.*".`,
    );
  }
}

/**
 * The instance has no handler with this name, or several.
 *
 * @remarks Use the name of a handler that `JetStreamInstances.list()` shows for the instance.
 */
export class InstanceHandlerNotFoundError extends JetStreamError {
  constructor(
    /** The name of the service. */
    readonly service: string,
    /** The id of the instance. */
    readonly id: string,
    /** The requested name of the handler. */
    readonly handler: string,
    problem: string,
  ) {
    super(
      `Instance "${id}" of the service "${service}" has no single handler "${handler}": ${problem} ` +
        'Use a name that JetStreamInstances.list() shows for the instance.',
    );
  }
}

/**
 * The instance received the command, but could not execute it.
 *
 * @remarks See the text, and the log of the instance.
 */
export class ControlFailedError extends JetStreamError {
  constructor(
    /** The name of the service. */
    readonly service: string,
    /** The id of the instance. */
    readonly id: string,
    /** The name of the handler. */
    readonly handler: string,
    /** `pause`, `resume`, `stop` or `start`. */
    readonly action: string,
    problem: string,
  ) {
    super(
      `Instance "${id}" of the service "${service}" could not ${action} the handler "${handler}": ${problem} ` +
        'See the log of the instance.',
    );
  }
}
