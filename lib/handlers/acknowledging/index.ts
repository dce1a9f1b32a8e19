export * from './acknowledgement.js';
export * from './acknowledgements.js';
