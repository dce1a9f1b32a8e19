import {
  AtomicBatchRefusedError,
  MaxMessageSizeExceededError,
  PublishRefusedError,
  StreamFeatureDisabledError,
  StreamFullError,
  WrongLastMessageIdError,
  WrongLastSequenceError,
  WrongStreamError,
  type ApiErrorBody,
} from '../../errors/index.js';

/** Converts a refusal to an error: the class for its code (ADR-7), if there is one. */
export function publishError(body: ApiErrorBody, subject: string): PublishRefusedError {
  switch (body.err_code) {
    case 10054:
      return new MaxMessageSizeExceededError(subject, body);
    case 10060:
      return new WrongStreamError(subject, body);
    case 10070:
      return new WrongLastMessageIdError(subject, body);
    case 10071:
    case 10164:
      return new WrongLastSequenceError(subject, body);
    case 10077:
      return /^maximum .* exceeded$/.test(body.description ?? '')
        ? new StreamFullError(subject, body)
        : new PublishRefusedError(subject, body);
    case 10166:
      return new StreamFeatureDisabledError(subject, body, 'allowMessageTtl');
    case 10168:
      return new StreamFeatureDisabledError(subject, body, 'allowMessageCounter');
    case 10174:
      return new StreamFeatureDisabledError(subject, body, 'allowAtomicPublish');
    case 10175:
    case 10176:
    case 10177:
    case 10179:
    case 10199:
    case 10200:
    case 10201:
      return new AtomicBatchRefusedError(subject, body);
    case 10188:
      return new StreamFeatureDisabledError(subject, body, 'allowMessageSchedules');
    case 10205:
      return new StreamFeatureDisabledError(subject, body, 'allowBatchPublish');
    default:
      return new PublishRefusedError(subject, body);
  }
}
