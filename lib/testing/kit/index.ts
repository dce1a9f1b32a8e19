export {
  TestKitAssertionError,
  TestKitHandlerError,
  TestKitTimeoutError,
  type PendingWork,
} from './errors.js';
export type { DeadLetterSelector, HandledSelector } from './expectations.js';
export type {
  DeadLetteredMessage,
  DeadLetterMatcher,
  HandledMatcher,
  HandledMessage,
  PublishedMessage,
  TestFlow,
} from './flow.js';
export type { HandlerSpy, SpyResult } from './handler-spies.js';
export { JetStreamTestKit } from './jetstream-test-kit.js';
export type {
  SettledOptions,
  TestKitOptions,
  TestModuleBuilder,
  TestPublishOptions,
  TestWaitOptions,
} from './kit-options.js';
export { type ExpectedHandled, jetStreamMatchers, type JetStreamMatchers } from './matchers.js';
export { TestKitFlow } from './test-kit-flow.js';
