export * from './pattern-table.js';
export * from './subjects.js';
