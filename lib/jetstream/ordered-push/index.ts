export * from './ordered-push.js';
export * from './ordered-push-config.js';
