export { EventContext } from './event-context.js';
