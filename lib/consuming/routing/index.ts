export { SubjectRouter } from './subject-router.js';
