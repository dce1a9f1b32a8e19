import type { StreamConfig } from 'nestjs-nats-jetstream';

/** The stream that stores all messages of orders. Both services declare it. */
export const ORDERS: StreamConfig = { name: 'ORDERS', subjects: ['orders.>'] };
