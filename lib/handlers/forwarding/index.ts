export * from './check-targets.js';
export * from './duplicate-windows.js';
export * from './publish-results.js';
export * from './publish-targets.js';
export * from './publish-to.decorator.js';
export * from './result-target.js';
