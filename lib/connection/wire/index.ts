export * from './wire.js';
export { WireMessage } from './wire-message.js';
