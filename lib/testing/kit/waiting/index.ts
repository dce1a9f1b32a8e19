export { KitWaits } from './kit-waits.js';
export { jetStreamMatchers, type JetStreamMatchers } from './matchers.js';
export { pendingText, soFar } from './report.js';
export type { DeadLetterOptions, DeadLetterSelector, HandledOptions, HandledSelector } from './selectors.js';
