import { JetStreamError } from './jetstream.error.js';

/** The error object in a JetStream API response, as the server sends it (ADR-7). */
export interface ApiErrorBody {
  /** HTTP-like status, such as 404. */
  readonly code: number;
  /** The server's own error code, such as 10059. */
  readonly err_code?: number | undefined;
  readonly description?: string | undefined;
}

/** The names that the error message of a failed JetStream API request needs. */
export interface ApiErrorContext {
  readonly stream?: string | undefined;
  readonly consumer?: string | undefined;
  /** The subject or sequence of the requested message, in words, such as `sequence 7`. */
  readonly message?: string | undefined;
}

/**
 * The server refused a JetStream API request. Subclasses stand for the codes that a caller can act on.
 *
 * @remarks Look `code` up in the error list of the server (ADR-7), and correct the request or the configuration of the
 * server.
 */
export class JetStreamApiError extends JetStreamError {
  /** HTTP-like status, such as 404. */
  readonly status: number;
  /** The server's own error code (ADR-7), such as 10059; 0 if it sent none. */
  readonly code: number;
  /** The server's description of the error. */
  readonly description: string;

  constructor(body: ApiErrorBody, message?: string, options?: ErrorOptions) {
    const description = body.description ?? `status ${body.code}`;
    super(message ?? `JetStream API: ${description} (code ${body.err_code ?? body.code})`, options);
    this.status = body.code;
    this.code = body.err_code ?? 0;
    this.description = description;
  }
}

/**
 * JetStream is not enabled on the connected server, or not reachable under the given domain or API prefix.
 *
 * @remarks Enable JetStream on the server (`nats-server -js`), or correct the options `jetstream.domain` and
 * `jetstream.apiPrefix`.
 */
export class JetStreamNotEnabledError extends JetStreamApiError {
  constructor(
    /** The prefix of the JetStream API subjects that the request used. */
    readonly apiPrefix: string,
    body: ApiErrorBody = { code: 503, err_code: 10076, description: 'jetstream not enabled' },
    options?: ErrorOptions,
  ) {
    super(
      body,
      `JetStream does not respond under the API prefix "${apiPrefix}". Enable it on the server (nats-server -js), ` +
        'or check the options jetstream.domain and jetstream.apiPrefix.',
      options,
    );
  }
}

/**
 * JetStream is enabled on the server, but not for the account of this connection.
 *
 * @remarks Enable JetStream for the account, or connect with the credentials of another account.
 */
export class JetStreamNotEnabledForAccountError extends JetStreamApiError {
  constructor(
    body: ApiErrorBody = { code: 503, err_code: 10039, description: 'jetstream not enabled for account' },
  ) {
    super(
      body,
      'JetStream is not enabled for the account of this connection. Enable it in the server configuration ' +
        'of the account, or connect with the credentials of another account.',
    );
  }
}

/**
 * The response to a JetStream API request does not have the form that this request expects. Whether the server
 * performed the operation is unknown.
 *
 * @remarks Check whether another service responds to this API request, then read the state of the server before you
 * repeat it.
 */
export class InvalidApiResponseError extends JetStreamError {
  constructor(
    /** The requested operation, such as `STREAM.INFO.ORDERS`. */
    readonly operation: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(
      `The response to ${operation} is not a valid JetStream API response: ${problem}. ` +
        'Check whether another service responds to this API request.',
      options,
    );
  }
}
