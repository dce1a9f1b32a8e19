export * from './wire.js';
export { WireMessage } from './wire-message.js';
export { ConnectionWire } from './connection-wire.js';
