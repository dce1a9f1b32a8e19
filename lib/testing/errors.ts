/** What {@link NatsServerNotFoundError} says of one place where a nats-server was looked for. */
export interface NatsServerSearchStep {
  /** The place: an environment variable, `PATH`, the cache, the release archive, the distribution's package. */
  readonly source: string;
  /** Why it gave none. */
  readonly reason: string;
}

/** No nats-server of the asked version could be found or fetched. The message tells what to do about it. */
export class NatsServerNotFoundError extends Error {
  override readonly name = 'NatsServerNotFoundError';

  constructor(
    /** The version asked for, or `undefined` when the newest was. */
    readonly requested: string | undefined,
    /** Every place that was looked at, in order, and why it gave none. */
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

/** A downloaded release archive is not the one that the release's `SHA256SUMS` lists: it was thrown away. */
export class NatsServerChecksumError extends Error {
  override readonly name = 'NatsServerChecksumError';

  constructor(
    readonly url: string,
    readonly expected: string,
    readonly actual: string,
  ) {
    super(`${url} was refused: its SHA-256 is ${actual}, where SHA256SUMS says ${expected}`);
  }
}

/** A nats-server was started but did not become ready. The message ends with the last lines of its log. */
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
