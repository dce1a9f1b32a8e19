export * from './error-text.js';
export * from './report-limiter.js';
export * from './installed-version.js';
export * from './instance-of.js';
export * from './shown.js';
