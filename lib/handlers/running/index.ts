export { MessageRunnerFactory, type WrapHandler } from './message-runner.factory.js';
export { codecsOf, messageSource } from './message-source.js';
