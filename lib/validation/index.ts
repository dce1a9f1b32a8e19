export { nameText, shown } from '../reporting/index.js';
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
export { nearestName, type AllOptionsOf, type KnownOptions } from './known-options.js';
export type { OptionProblem } from './option-problem.js';
export * from './option-rules.js';
export { given, type Defined, type OrUndefined } from './optional-members.js';
export { optionsCheck } from './options-check.js';
export { numberFromPeer, type PeerNumberRange } from './peer-numbers.js';
export { isAckSubject, isFlowControlSubject, isReplyAllowed } from './peer-subjects.js';
export {
  checkedOptions,
  openOptions,
  ownNames,
  ownOptions,
  readOptions,
  requireValue,
  type OptionsRead,
} from './read-options.js';
