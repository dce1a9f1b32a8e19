/** The part of {@link NatsServerNotFoundError} about one place that was searched for nats-server. */
export interface NatsServerSearchStep {
  /** The place: an environment variable, `PATH`, the cache, the release archive, the distribution's package. */
  readonly source: string;
  /** Why it has none. */
  readonly reason: string;
}

/**
 * No nats-server of the requested version could be found or downloaded. The message explains what to do.
 *
 * @remarks Follow the list in the message: install a nats-server, or set `NATS_SERVER_BIN` or `NATS_SERVER_MIRROR`.
 */
export class NatsServerNotFoundError extends Error {
  override readonly name = 'NatsServerNotFoundError';

  constructor(
    /** The requested version; `undefined` if the newest one was requested. */
    readonly requested: string | undefined,
    /** Every place that was searched, in order, with the reason why it has none. */
    readonly steps: readonly NatsServerSearchStep[],
  ) {
    super(
      [
        `No nats-server${requested === undefined ? '' : ` ${requested}`} could be found or fetched.`,
        ...steps.map((step) => `  - ${step.source}: ${step.reason}`),
        'To get one:',
        '  - Linux: install the package nats-server, or unpack the release archive, and put it on PATH',
        '  - macOS: brew install nats-server',
        '  - Windows: choco install nats-server, or scoop install nats-server',
        '  - anywhere: set NATS_SERVER_BIN to the path of a nats-server, or NATS_SERVER_MIRROR to a copy of',
        '    https://github.com/nats-io/nats-server that this machine can reach',
      ].join('\n'),
    );
  }
}

/**
 * A downloaded release archive does not match the release's `SHA256SUMS` and was deleted.
 *
 * @remarks Check the mirror that the archive was downloaded from, then try again.
 */
export class NatsServerChecksumError extends Error {
  override readonly name = 'NatsServerChecksumError';

  constructor(
    /** The address of the archive. */
    readonly url: string,
    /** The SHA-256 that `SHA256SUMS` of the release names. */
    readonly expected: string,
    /** The SHA-256 of the downloaded archive. */
    readonly actual: string,
  ) {
    super(`${url} was rejected: its SHA-256 is ${actual}, but SHA256SUMS says ${expected}`);
  }
}

/**
 * A nats-server was started but did not become ready. The message ends with the last lines of its log.
 *
 * @remarks Read `log`, and correct the configuration or the port.
 */
export class NatsServerStartError extends Error {
  override readonly name = 'NatsServerStartError';

  constructor(
    reason: string,
    /** The server's log, or the end of it. */
    readonly log: string,
  ) {
    super(`nats-server did not start: ${reason}${log === '' ? '' : `\nThe end of its log:\n${log}`}`);
  }
}
