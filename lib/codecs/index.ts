export * from './codec.js';
export * from './json.codec.js';
export { utf8 } from './utf8.js';
