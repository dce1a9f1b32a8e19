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
  nameText,
  optionsCheck,
  shown,
  textsOf,
} from './arguments.js';
export { checkLimit } from './limits.js';
export { given, type Defined, type OrUndefined } from './optional-members.js';
export { numberFromPeer, type PeerNumberRange } from './peer-numbers.js';
export { isAckSubject, isFlowControlSubject, isReplyAllowed } from './peer-subjects.js';
export {
  nearestName,
  refuseUnknownOptions,
  unknownOptions,
  type AllOptionsOf,
  type KnownOptions,
} from './unknown-options.js';
