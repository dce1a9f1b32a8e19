export { SubjectRouter, widestPatterns } from './subject-router.js';
