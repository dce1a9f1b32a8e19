import { JetStreamError } from './jetstream.error.js';

/** The installed version of Nest lacks something that handlers are built on. */
export class UnsupportedNestVersionError extends JetStreamError {
  constructor(
    /** What is missing. */
    readonly missing: string,
    /** The version of `@nestjs/core`; `undefined` if it cannot be found out. */
    readonly nestVersion?: string,
  ) {
    super(
      `The installed version of Nest${nestVersion === undefined ? '' : `, ${nestVersion},`} has another structure than ` +
        `this library relies on: ${missing}. ` +
        'Install a version of Nest 11 or 12, and report this if it is one.',
    );
  }
}
