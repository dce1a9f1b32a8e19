export { PatternTable, widestPatterns } from './pattern-table.js';
export { assertSubject, isPattern } from './subjects.js';
