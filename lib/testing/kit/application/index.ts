export type { HandlerSpy, SpyResult } from './handler-spies.js';
export { KitApplications } from './kit-applications.js';
export { moduleOf } from './test-module.js';
