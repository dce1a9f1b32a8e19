export { numberFromPeer, type PeerNumberRange } from './peer-numbers.js';
export { isAckSubject, isFlowControlSubject, isReplyAllowed } from './peer-subjects.js';
