import { JetStreamError } from './jetstream.error.js';

/** The installed version of Nest lacks an internal feature that handlers depend on. */
export class UnsupportedNestVersionError extends JetStreamError {
  constructor(
    /** The missing feature. */
    readonly missing: string,
    /** The version of `@nestjs/core`; `undefined` if it is unknown. */
    readonly nestVersion?: string,
  ) {
    super(
      `The installed version of Nest${nestVersion === undefined ? '' : `, ${nestVersion},`} has another structure than ` +
        `this library relies on: ${missing}. ` +
        'Install a version of Nest 11 or 12, and report this if it is one.',
    );
  }
}
