export { AbortGroups } from './abort-groups.js';
export * from './inbox.js';
export * from './requests.js';
