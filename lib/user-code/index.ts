export { FencedAbortController } from './fenced-abort-controller.js';
export { FencedObservable } from './fenced-observable.js';
export { checkedIterable, iteratorOf, nextOf, openIterator, type UserIterator } from './iterators.js';
export { abortError, checkSignal, onAbort, reasonError, rejectionOf, throwIfAborted } from './signals.js';
export { pendingThenable } from './thenables.js';
export { type Expected, UserCalls } from './user-calls.js';
export { wrongType } from './wrong-type.js';
