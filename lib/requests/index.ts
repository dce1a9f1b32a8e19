export * from './inbox.js';
export * from './requests.js';
