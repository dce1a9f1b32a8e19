// Stands for the reader's own application in the snippets of docs/testing.md.
export { AppModule, Billing, Shop } from './quick-start.js';
