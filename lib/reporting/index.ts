export * from './error-text.js';
