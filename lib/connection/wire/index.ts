export { connect } from './connect.js';
export { ConnectionWire } from './connection-wire.js';
export { hideHeader } from './hide-header.js';
export { isHeaderBlock, MessageHeaders } from './message-headers.js';
export { hasValidHeaders, rawHeadersOf } from './raw-headers.js';
export { asMsg } from './received-message.js';
export { WireMessage } from './wire-message.js';
export { isDirect, useWire, wireOf } from './wire-of.js';
export type { SharedWire, Wire } from './wire.js';
