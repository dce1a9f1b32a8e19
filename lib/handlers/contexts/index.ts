export { EventContext } from './event-context.js';
export { KvContext } from './kv-context.js';
export { NatsSubscribeContext } from './nats-context.js';
export { ObjectContext } from './object-context.js';
