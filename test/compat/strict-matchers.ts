/** A test with the matchers for vitest, for the strictest compiler settings. Never run. */
import { defineMessage } from 'nestjs-nats-jetstream';
import type { TestFlow } from 'nestjs-nats-jetstream/testing';
import 'nestjs-nats-jetstream/testing/vitest';
import { expect } from 'vitest';

const OrderPlaced = defineMessage({ subject: 'orders.:id' });

export function check(flow: TestFlow): void {
  expect(flow).toHaveHandled('Billing.onPlaced', { outcome: 'acked', times: 1, subject: undefined });
  expect(flow).not.toHavePublished('orders.*', { id: 1 });
  expect(flow).toHaveDeadLettered();
  expect(flow).toHaveDeadLettered({ handler: 'Billing.onPlaced', reason: undefined });
  expect(flow).toHavePublished(OrderPlaced, { id: 1 });
  expect(flow).toHaveDeadLettered(OrderPlaced);
  // @ts-expect-error there is no such outcome
  expect(flow).toHaveHandled('Billing.onPlaced', { outcome: 'done' });
}
