export { DeadLetterLookout } from './dead-letter-lookout.js';
