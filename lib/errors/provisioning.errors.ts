import { JetStreamError } from './jetstream.error.js';

/**
 * A stream, consumer or bucket exists with a configuration that differs from the one the application declares.
 *
 * @remarks Change the resource or its declaration, or set `provisioning: 'ensure'`, which updates what can be changed.
 */
export class ConfigMismatchError extends JetStreamError {
  constructor(
    /** The resource that differs, such as `Stream "ORDERS"`. */
    readonly subject: string,
    /** The options that differ, as `option: actual → wanted`. */
    readonly differences: string,
    advice = 'change it or the declaration, or set provisioning: "ensure"',
  ) {
    super(`${subject} does not match its declaration (${differences}): ${advice}.`);
  }
}

/**
 * A stream or bucket is declared twice in one application with different configurations.
 *
 * @remarks Declare the resource once, and import that module where it is needed.
 */
export class DuplicateDeclarationError extends JetStreamError {
  constructor(
    /** One sentence for each pair of declarations, with their modules and what differs. */
    readonly conflicts: readonly string[],
  ) {
    super(`${conflicts.join('; ')}. Declare it once, and import that module where it is needed.`);
  }
}

/**
 * A connection is opened twice in one application.
 *
 * @remarks Import `forRoot` once for each connection, or give each import its own `name`.
 */
export class DuplicateConnectionError extends JetStreamError {
  constructor(
    /** The name of the connection. */
    readonly connection: string,
    /** The modules that import `JetStreamModule.forRoot` for this connection. */
    readonly modules: readonly string[],
  ) {
    super(
      `JetStreamModule.forRoot is imported ${modules.length} times for connection "${connection}", by ` +
        `${modules.join(', ')}. Import it once, or give each import its own name: forRoot({ name: '...' }).`,
    );
  }
}
