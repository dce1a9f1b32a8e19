export * from './known-options.js';
export { headers as headersRule } from './option-rules.js';
