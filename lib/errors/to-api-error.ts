import {
  JetStreamApiError,
  JetStreamNotEnabledError,
  JetStreamNotEnabledForAccountError,
  type ApiErrorBody,
  type ApiErrorContext,
} from './api.errors.js';
import {
  ConsumerDoesNotExistError,
  ConsumerExistsError,
  ConsumerNotFoundError,
  InvalidConsumerResetError,
  MaximumConsumersError,
} from './consumer.errors.js';
import { MessageNotFoundError, StreamNameInUseError, StreamNotFoundError } from './stream.errors.js';

/**
 * Makes the error of an API response: the subclass of its code (ADR-7) where there is one, else a
 * {@link JetStreamApiError} with the names of the context in its message.
 *
 * @internal
 */
export function toApiError(
  body: ApiErrorBody,
  apiPrefix: string,
  context: ApiErrorContext = {},
): JetStreamApiError {
  const { stream = '', consumer = '', message = 'that request' } = context;
  switch (body.err_code) {
    case 10013:
    case 10105:
    case 10148:
      return new ConsumerExistsError(stream, consumer, body);
    case 10014:
      return new ConsumerNotFoundError(stream, consumer, body);
    case 10026:
      return new MaximumConsumersError(stream, body);
    case 10037:
    case 10043:
      return new MessageNotFoundError(stream, message, body);
    // Deleting a message that is not there is "failed", and only the words tell why.
    case 10057:
      return /EOF|not found|no message/i.test(body.description ?? '')
        ? new MessageNotFoundError(stream, message, body)
        : new JetStreamApiError(body, inWords(body, context));
    case 10039:
      return new JetStreamNotEnabledForAccountError(body);
    case 10058:
      return new StreamNameInUseError(stream, body);
    case 10059:
      return new StreamNotFoundError({ stream }, body);
    case 10076:
      return new JetStreamNotEnabledError(apiPrefix, body);
    case 10149:
      return new ConsumerDoesNotExistError(stream, consumer, body);
    case 10204:
      return new InvalidConsumerResetError(stream, consumer, body);
    default:
      return new JetStreamApiError(body, inWords(body, context));
  }
}

/** What to do about errors whose description does not say it, by their code (ADR-7). */
const ADVICE: Readonly<Record<number, string>> = {
  10065:
    'Another stream has one of these subjects (nats stream ls --subjects shows which): take it from one of the two.',
};

function inWords(body: ApiErrorBody, { stream, consumer }: ApiErrorContext): string {
  const names = [stream && `stream "${stream}"`, consumer && `consumer "${consumer}"`].filter(Boolean);
  const where = names.length > 0 ? ` on ${names.join(', ')}` : '';
  const problem = `JetStream API${where}: ${body.description ?? `status ${body.code}`} (code ${body.err_code ?? body.code})`;
  const advice = ADVICE[body.err_code ?? 0];
  return advice === undefined ? problem : `${problem}. ${advice}`;
}
