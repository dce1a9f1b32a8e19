export { DeadLetterContext, deadLetterSource, fittingOnly } from './dead-letter-context.js';
export {
  checkFilter,
  type DeadLetterFilter,
  FILTER_METADATA,
  filterText,
  subjectsOf,
  toTest,
} from './dead-letter-filter.js';
export {
  DEAD_LETTER_HEADERS,
  DEAD_LETTER_STREAM,
  DEAD_LETTER_SUBJECT,
  OMITTED_PAYLOAD_HEADER,
  REPLAY_HEADER,
} from './dead-letter-headers.js';
export { DeadLetterPublisher } from './dead-letter-publisher.js';
export { DeadLetter } from './dead-letter.js';
export {
  type DeadLetterPage,
  type DeadLetterPageOptions,
  DEAD_LETTER_CALLS,
  DeadLetters,
  type ReplayOptions,
  type ReplayResult,
} from './dead-letters.service.js';
export type { EditedMessage } from './replay-publisher.js';
export { type LocalHandler, LocalHandlers } from './local-handlers.js';
