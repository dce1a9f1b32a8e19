import { printable } from '../reporting/index.js';
import { JetStreamApiError, type ApiErrorBody } from './api.errors.js';
import { JetStreamError } from './jetstream.error.js';

/** No stream has that name, or no stream listens on that subject (code 10059). */
export class StreamNotFoundError extends JetStreamApiError {
  /** The name asked for, `undefined` where a subject was. */
  readonly stream: string | undefined;
  /** The subject asked for, `undefined` where a name was. */
  readonly subject: string | undefined;

  constructor(
    what: { readonly stream: string } | { readonly subject: string },
    body: ApiErrorBody = { code: 404, err_code: 10059, description: 'stream not found' },
  ) {
    super(
      body,
      'stream' in what
        ? `Stream "${what.stream}" not found: create it, or check its name, the account and the domain.`
        : `No stream listens on "${what.subject}": create one with that subject, or check the account and the domain.`,
    );
    this.stream = 'stream' in what ? what.stream : undefined;
    this.subject = 'subject' in what ? what.subject : undefined;
  }
}

/** A stream of that name exists with another configuration (code 10058). */
export class StreamNameInUseError extends JetStreamApiError {
  constructor(
    readonly stream: string,
    body: ApiErrorBody = { code: 400, err_code: 10058, description: 'stream name already in use' },
  ) {
    super(
      body,
      `Stream "${stream}" exists with another configuration: use updateStream or createOrUpdateStream to change it.`,
    );
  }
}

/** The name of a stream is empty, too long, or has characters that no stream name may have. */
export class InvalidStreamNameError extends JetStreamError {
  constructor(readonly stream: string) {
    super(
      `Invalid stream name "${stream}": up to 255 bytes of printable characters, without spaces, ".", "*", ">", "/" and "\\".`,
    );
  }
}

/** A subject or a filter is empty, malformed, or too long. */
export class InvalidSubjectError extends JetStreamError {
  constructor(
    readonly subject: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    const shown = printable(subject.length > 200 ? `${subject.slice(0, 200)}…` : subject);
    super(`Invalid subject "${shown}": ${problem}.`, options);
  }
}

/** The stream has no such message: never stored, expired, purged or deleted (codes 10037, 10043, 10057). */
export class MessageNotFoundError extends JetStreamApiError {
  constructor(
    readonly stream: string,
    what: string,
    body: ApiErrorBody = { code: 404, err_code: 10037, description: 'no message found' },
  ) {
    super(body, `Stream "${stream}" has no message for ${what}.`);
  }
}

/** The stream does not allow what needs direct access to it. */
export class DirectAccessDisabledError extends JetStreamError {
  constructor(
    readonly stream: string,
    options?: ErrorOptions,
  ) {
    super(
      `Stream "${stream}" does not allow direct access, or does not exist: set allowDirect: true in its configuration.`,
      options,
    );
  }
}

/** A read was to start at a sequence that the stream is far from: it ends before the one in front of it. */
export class SequenceNotReachedError extends JetStreamError {
  constructor(
    readonly stream: string,
    /** The sequence to start at. */
    readonly sequence: number,
    /** The last sequence of the stream. */
    readonly last: number,
  ) {
    super(
      `Stream "${stream}" cannot be read from sequence ${sequence}, since it ends at ${last}: the sequence is of a stream that ` +
        `was deleted, or that lost its end in a crash. Start at ${last + 1} or before.`,
    );
  }
}
