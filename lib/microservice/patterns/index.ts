export { assertSubject, isPattern } from './subjects.js';
