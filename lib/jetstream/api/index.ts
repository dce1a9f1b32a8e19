export { CALL_OPTIONS, type CallOptions, inSteps, waitOf } from './call-options.js';
export { type ApiCallOptions, JetStreamApi } from './jetstream-api.js';
export { caughtUp, type StreamProgress } from './caught-up.js';
export { type ListPage, listPage, type WireListPage } from './list-page.js';
export { validateConsumerName, validateFilter, validateStreamName, validateSubject } from './names.js';
export { requireOperation, requireOptions } from './server-features.js';
export { subjectCovers, subjectsOverlap } from './subjects.js';
export {
  choice,
  count,
  date,
  decodeFields,
  duration,
  durations,
  encodeFields,
  type Fields,
  flag,
  limit,
  object,
  objects,
  pairs,
  type RawFields,
  text,
  texts,
} from './wire-fields.js';
