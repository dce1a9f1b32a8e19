import { JetStreamError } from './jetstream.error.js';

const NO_SERVER = 'Check the address, and that nats-server is running there.';
const CA = 'Set tls.caFile or tls.ca to the CA that signed the certificate of the server.';
const CLIENT_CERTIFICATE =
  'Provide a client certificate: tls.certFile and tls.keyFile, or tls.cert and tls.key.';
const OTHER_CLIENT_CERTIFICATE =
  'Provide a client certificate that the server accepts: it must be valid and signed by a CA that the server trusts.';

/** Advice for failed connections, by error code. */
const ADVICE: Readonly<Record<string, string>> = {
  AUTHORIZATION_VIOLATION: 'Check or provide the credentials: user and pass, token or authenticator.',
  AUTHENTICATION_EXPIRED: 'Renew the credentials.',
  ECONNREFUSED: NO_SERVER,
  ENOTFOUND: NO_SERVER,
  EAI_AGAIN: NO_SERVER,
  EHOSTUNREACH: NO_SERVER,
  TIMEOUT: NO_SERVER,
  ECONNRESET: NO_SERVER,
  DEPTH_ZERO_SELF_SIGNED_CERT: CA,
  SELF_SIGNED_CERT_IN_CHAIN: CA,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: CA,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: CA,
  CERT_HAS_EXPIRED: 'Renew the certificate of the server.',
  ERR_TLS_CERT_ALTNAME_INVALID: 'Connect to a host name or address that the certificate of the server lists.',
  TLS_ALERT_CERTIFICATE_REQUIRED: CLIENT_CERTIFICATE,
  TLS_ALERT_HANDSHAKE_FAILURE: CLIENT_CERTIFICATE,
  TLS_ALERT_BAD_CERTIFICATE: OTHER_CLIENT_CERTIFICATE,
  TLS_ALERT_UNKNOWN_CA: OTHER_CLIENT_CERTIFICATE,
  ERR_SSL_WRONG_VERSION_NUMBER: 'The server does not start with a TLS handshake: remove tls.handshakeFirst.',
  ABORTED: 'If the application failed to start, its own error says why.',
  INVALID_OPTIONS: 'Check the address and the other options of the connection.',
};

/**
 * OpenSSL names TLS alerts after the protocol version that introduced them, and its versions do not agree on the names.
 */
const TLS_ALERT = /^ERR_SSL_(?:SSLV3|TLSV1|TLSV13|SSL\/TLS)_ALERT_/;

function adviceOn(code: string): string {
  return ADVICE[code.replace(TLS_ALERT, 'TLS_ALERT_')] ?? 'Check the address, the credentials and TLS.';
}

/**
 * The first connection could not be established: the server refused the credentials, the options are wrong, or there is
 * no server and `waitOnFirstConnect` is `false`. The client's error is the `cause`. With `connect: 'lazy'`, the calls that
 * wait for the connection fail with this error, and the next call tries again.
 *
 * @remarks Correct what `code` stands for: the address, the credentials or the TLS options. The message has the advice
 * for each code.
 */
export class ConnectionFailedError extends JetStreamError {
  constructor(
    /** The name of the connection. */
    readonly connection: string,
    /** The servers tried, without credentials. */
    readonly servers: string,
    reason: string,
    /**
     * The code of the failure: Node's code, such as `ECONNREFUSED`, `ENOTFOUND`, `CERT_HAS_EXPIRED` or
     * `ERR_INVALID_URL`, or `AUTHORIZATION_VIOLATION`, `AUTHENTICATION_EXPIRED`, `TIMEOUT`, `PROTOCOL_ERROR`,
     * `INVALID_OPTIONS`, `ABORTED`, `UNKNOWN`.
     */
    readonly code = 'UNKNOWN',
    options?: ErrorOptions,
  ) {
    super(`Connection "${connection}" to ${servers} failed: ${reason}. ${adviceOn(code)}`, options);
  }
}

/**
 * The server refused to publish or to subscribe because the user of the connection has no permission for the subject.
 *
 * @remarks Grant the user the permission for this subject; docs/security.md lists the subjects that each feature needs.
 */
export class PermissionDeniedError extends JetStreamError {
  constructor(
    /** The name of the connection, as given to `JetStreamModule.forRoot`. */
    readonly connection: string,
    /** The refused operation. */
    readonly operation: 'publish' | 'subscribe',
    /** The subject for which the permission is missing. */
    readonly subject: string,
    options?: ErrorOptions,
  ) {
    super(
      `The user of connection "${connection}" has no permission to ${operation} to "${subject}". ` +
        'Grant the user this permission in the configuration of the server or account.',
      options,
    );
  }
}

/**
 * The startup of the application on a connected server did not finish within `bootTimeout`. The cause is the last
 * error.
 *
 * @remarks Check that the servers are running and that the cluster has a leader, or raise `bootTimeout`.
 */
export class BootTimeoutError extends JetStreamError {
  constructor(
    /** The name of the connection. */
    readonly connection: string,
    /** The step that was running, such as `STREAM.CREATE.ORDERS` or `starting handlers`. */
    readonly step: string,
    /** The time limit, in milliseconds. */
    readonly timeout: number,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(
      `Connection "${connection}": the application did not start within ${timeout} ms (last step: ${step}): ${/[.?!]$/.test(problem) ? problem : `${problem}.`} ` +
        'Check that the servers are running and that the cluster has a leader, or raise bootTimeout.',
      options,
    );
  }
}
