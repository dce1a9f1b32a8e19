export * from './wire.js';
export { WireMessage } from './wire-message.js';
export { connect } from './connect.js';
export { ConnectionWire } from './connection-wire.js';
export { isHeaderBlock, MessageHeaders } from './message-headers.js';
export { asMsg } from './received-message.js';
export { hasValidHeaders, rawHeadersOf } from './raw-headers.js';
