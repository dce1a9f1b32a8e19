import type { StreamConfig } from 'nestjs-nats-jetstream';

/** The stream of events: subjects of their own, so that it does not store the requests. */
export const EVENTS: StreamConfig = { name: 'SHOP_EVENTS', subjects: ['events.>'] };
