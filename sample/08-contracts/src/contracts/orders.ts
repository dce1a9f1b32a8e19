import { defineMessage } from 'nestjs-nats-jetstream';
import { z } from 'zod';

/** A customer's order. The shop publishes it, and billing consumes it. */
export const OrderPlaced = defineMessage({
  subject: 'orders.:id.placed',
  schema: z.object({
    customer: z.string().min(1),
    cents: z.int().positive(),
    placedAt: z.coerce.date<string | Date>(),
  }),
  summary: 'A customer placed an order',
  examples: [{ customer: 'Sue', cents: 950, placedAt: '2024-05-06T07:08:09.000Z' }],
  tags: ['orders'],
});

/** Billing publishes it after the order is billed, and the shop consumes it. */
export const OrderBilled = defineMessage({
  subject: 'orders.:id.billed',
  schema: z.object({ invoice: z.string(), cents: z.int() }),
  summary: 'An order was billed',
  tags: ['orders'],
});
