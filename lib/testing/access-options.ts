import {
  type AllOptionsOf,
  count,
  filledText,
  flag,
  isObject,
  type KnownOptions,
  ListOf,
  listOf,
  MapOf,
  type OptionRule,
  readOptions,
  required,
  rule,
  validDate,
} from '../validation/index.js';

/** Subjects that a user may use, with wildcards: all that are listed, or those in `allow` except those in `deny`. */
export type NatsTestSubjects =
  | string
  | readonly string[]
  | {
      readonly allow?: string | readonly string[] | undefined;
      readonly deny?: string | readonly string[] | undefined;
    };

/** The permissions of a {@link NatsTestUser}. */
export interface NatsTestPermissions {
  /** The subjects that the user may publish to. Default: all. */
  readonly publish?: NatsTestSubjects | undefined;
  /** The subjects that the user may subscribe to. Default: all. */
  readonly subscribe?: NatsTestSubjects | undefined;
  /**
   * Whether the user may answer requests that it receives, on any reply subject. Default: `false`.
   */
  readonly allowResponses?: boolean | undefined;
}

/** A user of a test server, who authenticates with a password. */
export interface NatsTestUser {
  /** The name, which must be unique on the server. */
  readonly user: string;
  /** Default: a random one, which {@link NatsTestServer.connectionFor} includes. */
  readonly password?: string | undefined;
  /** Default: everything in its account is allowed. */
  readonly permissions?: NatsTestPermissions | undefined;
}

/** The limits of JetStream in a {@link NatsTestAccount}. Default: no limits. */
export interface NatsTestJetStreamLimits {
  /** The maximum size of all streams in memory, in bytes. */
  readonly maxMemory?: number | undefined;
  /** The maximum size of all streams on disk, in bytes. */
  readonly maxStorage?: number | undefined;
  readonly maxStreams?: number | undefined;
  readonly maxConsumers?: number | undefined;
}

/** The limits of a {@link NatsTestAccount}. Default: those of the server. */
export interface NatsTestAccountLimits {
  readonly maxConnections?: number | undefined;
  readonly maxSubscriptions?: number | undefined;
  /** The maximum size of a message, in bytes. */
  readonly maxPayload?: number | undefined;
  readonly maxLeafNodes?: number | undefined;
}

/** An account of a test server: its users only see messages and streams of the same account. */
export interface NatsTestAccount {
  readonly users?: readonly NatsTestUser[] | undefined;
  /** JetStream in this account, with or without limits. Default: `true`, except in the system account `$SYS`. */
  readonly jetstream?: boolean | NatsTestJetStreamLimits | undefined;
  readonly limits?: NatsTestAccountLimits | undefined;
  /** The exports, in the form of the server's configuration, for example `{ stream: 'public.>' }`. */
  readonly exports?: readonly Readonly<Record<string, unknown>>[] | undefined;
  /** The imports, in the form of the server's configuration. */
  readonly imports?: readonly Readonly<Record<string, unknown>>[] | undefined;
}

/** How clients encrypt their connection with a test server. */
export interface NatsTestTlsOptions {
  /** Whether clients need a certificate too. Default: `false`. */
  readonly verify?: boolean | undefined;
  /**
   * Whether a connection begins with the handshake instead of the greeting of the server. Needs nats-server 2.10.4.
   * Default: `false`.
   */
  readonly handshakeFirst?: boolean | undefined;
  /** The DNS names and IPv4 addresses in the server's certificate. Default: `localhost` and `127.0.0.1`. */
  readonly hosts?: readonly string[] | undefined;
  /** When the server's certificate expires. Default: in ten years. */
  readonly validUntil?: Date | undefined;
}

/** Which clients a test server or cluster accepts, and what they may do. */
export interface NatsTestAccessOptions {
  /**
   * Users of the global account, which has no JetStream if there are `accounts` too. Default: clients need no
   * credentials.
   */
  readonly users?: readonly NatsTestUser[] | undefined;
  /** Accounts, by name, each with its users. */
  readonly accounts?: Readonly<Record<string, NatsTestAccount>> | undefined;
  /** The user whose permissions clients without credentials have. Default: they are refused if there are users. */
  readonly noAuthUser?: string | undefined;
  /**
   * Whether clients have to encrypt their connection. The certificates are made for this server or cluster;
   * {@link NatsTestServer.connectionFor} includes what a client needs. Default: `false`.
   */
  readonly tls?: boolean | NatsTestTlsOptions | undefined;
}

/** A rule for an option that is a simple value or an object of options. */
function either(wanted: string, isSimple: (value: unknown) => boolean, table: KnownOptions): OptionRule {
  const isEither = rule(wanted, (value) => isSimple(value) || isObject(value));
  return (value, option) => {
    const problems = isEither(value, option);
    if (problems.length > 0 || isSimple(value)) return problems;
    return readOptions(value, table).problems.map((problem) => ({
      ...problem,
      option: `${option}.${problem.option}`,
      sentence: problem.isUnknown ? problem.sentence : `${option}.${problem.sentence}`,
    }));
  };
}

const isBoolean = (value: unknown): boolean => typeof value === 'boolean';
const isSubject = (value: unknown): boolean => typeof value === 'string' && value.trim() !== '';
const areSubjects = (value: unknown): boolean =>
  Array.isArray(value) ? value.every(isSubject) : isSubject(value);

const subjectOrList = rule('a subject or a list of subjects', areSubjects);
const subjects = either('a subject, a list of subjects, or an object with allow and deny', areSubjects, {
  allow: subjectOrList,
  deny: subjectOrList,
});

const jetstream = either('true, false, or an object of limits', isBoolean, {
  maxMemory: count(0),
  maxStorage: count(0),
  maxStreams: count(0),
  maxConsumers: count(0),
} satisfies AllOptionsOf<NatsTestJetStreamLimits>);

const configObject = rule('an object in the form of the configuration of nats-server', isObject);

/** Names for certificates; the servers listen on an IPv4 address. */
const hostName = rule(
  'a DNS name or an IPv4 address',
  (value) => typeof value === 'string' && /^[a-z\d*]([-a-z\d.]*[a-z\d])?$/i.test(value),
);

const users = new ListOf(
  {
    user: required(filledText),
    password: filledText,
    permissions: { publish: subjects, subscribe: subjects, allowResponses: flag },
  } satisfies AllOptionsOf<NatsTestUser>,
  'a list of users',
);

const accounts = new MapOf({
  users,
  jetstream,
  limits: {
    maxConnections: count(),
    maxSubscriptions: count(),
    maxPayload: count(),
    maxLeafNodes: count(0),
  } satisfies AllOptionsOf<NatsTestAccountLimits>,
  exports: listOf(configObject, 'a list of exports'),
  imports: listOf(configObject, 'a list of imports'),
} satisfies AllOptionsOf<NatsTestAccount>);

/** The rules of {@link NatsTestAccessOptions}. */
export const ACCESS_OPTIONS = {
  users,
  accounts,
  noAuthUser: filledText,
  tls: either('true, false, or an object', isBoolean, {
    verify: flag,
    handshakeFirst: flag,
    hosts: listOf(hostName, 'a list of host names', 1),
    validUntil: validDate,
  } satisfies AllOptionsOf<NatsTestTlsOptions>),
} satisfies AllOptionsOf<NatsTestAccessOptions>;
