export * from './encode-packet.js';
export * from './headers.js';
export * from './packet-reader.js';
export * from './packet.js';
