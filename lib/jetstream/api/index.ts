export * from './jetstream-api.js';
export * from './names.js';
export * from './server-features.js';
export * from './subjects.js';
export * from './wire-fields.js';
