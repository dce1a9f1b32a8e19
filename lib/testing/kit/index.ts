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
export type { HandlerSpy, SpyResult } from './application/index.js';
export { TestKitFlow } from './flows/index.js';
export { JetStreamTestKit } from './jetstream-test-kit.js';
export type {
  ExpectNothingOptions,
  ExpectNothingPublishedOptions,
  SettledOptions,
  TestConnectionOption,
  TestKitOptions,
  TestMessageOptions,
  TestModuleBuilder,
  TestPublishOptions,
  TestWaitOptions,
} from './kit-options.js';
export {
  type DeadLetterSelector,
  type HandledSelector,
  jetStreamMatchers,
  type JetStreamMatchers,
} from './waiting/index.js';
