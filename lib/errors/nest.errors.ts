import { JetStreamError } from './jetstream.error.js';

/**
 * The installed version of Nest lacks an internal feature that handlers depend on.
 *
 * @remarks Install a version of Nest 11 or 12; if it is one of these, report this error.
 */
export class UnsupportedNestVersionError extends JetStreamError {
  constructor(
    /** The missing feature. */
    readonly missing: string,
    /** The version of `@nestjs/core`; `undefined` if it is unknown. */
    readonly nestVersion?: string,
  ) {
    super(
      `The installed version of Nest${nestVersion === undefined ? '' : `, ${nestVersion},`} does not have the internal ` +
        `structure that this library requires: ${missing}. ` +
        'Install a version of Nest 11 or 12; if it is one of these, report this error.',
    );
  }
}

/**
 * A feature needs an optional package that is not installed.
 *
 * @remarks Install the package.
 */
export class PackageNotInstalledError extends JetStreamError {
  constructor(
    /** The name of the package. */
    readonly packageName: string,
    /** The feature that needs the package. */
    readonly feature: string,
    /** The alternative without the package. */
    alternative: string,
    options?: ErrorOptions,
  ) {
    super(
      `${feature} needs the package ${packageName}, which cannot be loaded. Install it, or ${alternative}.`,
      options,
    );
  }
}
