export {
  TestKitAssertionError,
  TestKitHandlerError,
  TestKitTimeoutError,
  type PendingWork,
} from './errors.js';
export type {
  DeadLetteredMessage,
  DeadLetteredMessageOf,
  DeadLetterMatcher,
  ExpectedHandled,
  HandledMatcher,
  HandledMessage,
  HandledMessageOf,
  ParamsMatcher,
  PublishedMessage,
  TestFlow,
} from './flow.js';
export type { HandlerSpy, SpyResult } from './handler-spies.js';
export { JetStreamTestKit } from './jetstream-test-kit.js';
export type {
  ExpectNothingOptions,
  SettledOptions,
  TestConnectionOption,
  TestKitOptions,
  TestMessageOptions,
  TestModuleBuilder,
  TestPublishOptions,
  TestWaitOptions,
} from './kit-options.js';
export { jetStreamMatchers, type JetStreamMatchers } from './matchers.js';
export type { DeadLetterSelector, HandledSelector } from './selectors.js';
export { TestKitFlow } from './test-kit-flow.js';
