import { type AllOptionsOf, flag, pairs, required, rule, text } from '../validation/index.js';

/**
 * Makes the application a NATS service (ADR-32): it answers `$SRV.PING`, `$SRV.INFO` and `$SRV.STATS` on its connection,
 * so that `nats micro` and other instances see its handlers and their figures.
 */
export interface DiscoveryOptions {
  /**
   * The name of the service, which all of its instances share: letters, digits, `_` and `-`, up to 128 characters. It is
   * part of the subjects that the service answers on.
   */
  readonly name: string;
  /** The version of the service, in the form of semver, such as `1.4.0` or `2.0.0-rc.1`. */
  readonly version: string;
  /** A description for people. Default: none. */
  readonly description?: string | undefined;
  /** Any texts about this instance, such as its region. Everyone who may send requests to `$SRV` can read them. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /**
   * Whether the last error of an endpoint contains the text of the error, up to 300 characters. Texts of errors may
   * contain data of messages. Default `false`: it names only the handler and the class of the error.
   */
  readonly errorText?: boolean | undefined;
  /**
   * Whether other clients may pause, resume, stop and start handlers of this instance, by requests to
   * `jetstream-control.<action>.<name>.<id>`. Every user who may publish to these subjects can do so. Default `false`.
   */
  readonly control?: boolean | undefined;
}

/** The longest name of a service, in characters: several of them fit into one line of the protocol. */
const LONGEST_NAME = 128;
const NAME = /^[A-Za-z0-9_-]+$/;

/** The expression that semver.org suggests. */
const SEMVER =
  /^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?$/;
const LONGEST_VERSION = 256;

/** Whether a value is the name of a service. */
export function isServiceName(value: unknown): value is string {
  return typeof value === 'string' && value.length <= LONGEST_NAME && NAME.test(value);
}

/** Validates the name of a service. */
export const serviceName = rule(
  `a name of letters, digits, "_" and "-", up to ${LONGEST_NAME} characters`,
  isServiceName,
);

/** The options of {@link DiscoveryOptions}. */
export const DISCOVERY_OPTIONS = {
  name: required(serviceName),
  version: required(
    rule(
      'a version in the form of semver, such as "1.4.0"',
      (value) => typeof value === 'string' && value.length <= LONGEST_VERSION && SEMVER.test(value),
    ),
  ),
  description: text,
  metadata: pairs,
  errorText: flag,
  control: flag,
} satisfies AllOptionsOf<DiscoveryOptions>;
