export {
  checkBoolean,
  checkCallbacks,
  checkDate,
  checkDuration,
  checkFunction,
  checkObject,
  checkOptionalText,
  checkText,
  checkWholeNumber,
  isArray,
  textsOf,
} from './arguments.js';
export {
  type AllOptionsOf,
  type KnownOptions,
  ListOf,
  MapOf,
  nearestName,
  type OptionRule,
} from './known-options.js';
export type { OptionProblem } from './option-problem.js';
export {
  count,
  duration,
  filledText,
  flag,
  functionRule,
  hasMethods,
  isHeaderName,
  isObject,
  limit,
  list,
  listOf,
  objectWith,
  oneOf,
  oneOrMore,
  pairs,
  positiveDuration,
  positiveTimeLimit,
  queueName,
  rawFields,
  required,
  resourceName,
  rule,
  secretRule,
  serverDuration,
  serverTtl,
  share,
  subjectRule,
  text,
  texts,
  timeLimit,
  validDate,
} from './option-rules.js';
export { type Defined, given, type OrUndefined } from './optional-members.js';
export { optionsCheck } from './options-check.js';
export { numberFromPeer } from './peer-numbers.js';
export { isAckSubject, isFlowControlSubject, isReplyAllowed } from './peer-subjects.js';
export {
  checkedOptions,
  openOptions,
  type OptionsRead,
  ownNames,
  ownOptions,
  readOptions,
  requireValue,
} from './read-options.js';
