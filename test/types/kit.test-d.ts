/** Types of the test kit with contracts. `npm run typecheck` compiles this file; it is never run. */
import { defineMessage, type PubAck } from 'nestjs-nats-jetstream';
import type {
  DeadLetteredMessageOf,
  HandledMessage,
  HandledMessageOf,
  JetStreamTestKit,
  TestFlow,
  TestKitFlow,
} from 'nestjs-nats-jetstream/testing';
import 'nestjs-nats-jetstream/testing/vitest';
import { expect, expectTypeOf } from 'vitest';
import { z } from 'zod';

const Placed = defineMessage({
  subject: 'orders.:id.placed',
  schema: z.object({ total: z.string().transform(Number) }),
});
const Started = defineMessage({ subject: 'service.started', schema: z.object({ at: z.number() }) });
const Ticked = defineMessage({ subject: 'prices.:symbol', schema: z.number(), core: true });
const Untyped = defineMessage({ subject: 'any.>' });

export async function right(kit: JetStreamTestKit): Promise<void> {
  const placed = kit.publish(Placed, { id: '1' }, { total: '5' }, { messageId: '1', connection: 'default' });
  expectTypeOf(placed).toEqualTypeOf<TestKitFlow<PubAck>>();
  expectTypeOf(await placed.settled()).toEqualTypeOf<TestFlow>();
  kit.publish(Started, {}, { at: 1 });
  expectTypeOf(kit.publish(Ticked, { symbol: 'X' }, 1, { headers: {} })).toEqualTypeOf<TestKitFlow<void>>();
  kit.publish(Untyped, { rest: 'a.b' }, { anything: true });
  expectTypeOf(kit.publish('orders.1.placed', { total: 'x' })).toEqualTypeOf<TestKitFlow>();

  const handled = await kit.handled(Placed, { params: { id: '1' }, outcome: 'acked', timeout: 10 });
  expectTypeOf(handled).toEqualTypeOf<HandledMessageOf<typeof Placed>>();
  expectTypeOf(handled.payload).toEqualTypeOf<{ total: number }>();
  expectTypeOf(handled.params).toEqualTypeOf<{ readonly id: string }>();
  expectTypeOf((await kit.handled(Untyped)).payload).toEqualTypeOf<unknown>();
  expectTypeOf(kit.handled('Billing.onPlaced')).toEqualTypeOf<Promise<HandledMessage>>();
  expectTypeOf(kit.handled({ subject: Placed })).toEqualTypeOf<Promise<HandledMessage>>();
  expectTypeOf(kit.handled(({ payload }) => payload === 1)).toEqualTypeOf<Promise<HandledMessage>>();
  expectTypeOf(kit.deadLettered(Placed)).toEqualTypeOf<Promise<DeadLetteredMessageOf<typeof Placed>>>();
  await kit.deadLettered();
  await kit.expectNothing(Placed, { within: 10 });
  await kit.expectNothingPublished(Placed, { within: 10, payload: { total: 1 } });

  const flow = await placed.settled();
  expect(flow).toHavePublished(Placed, { total: '5' });
  expect(flow).toHaveHandled('Billing.onPlaced', { subject: Placed });
  expect(flow).toHaveDeadLettered(Placed);
  expect(flow).toHaveDeadLettered({ subject: Placed });
}

export function wrong(kit: JetStreamTestKit): void {
  // @ts-expect-error the input of the schema is text
  kit.publish(Placed, { id: '1' }, { total: 5 });
  // @ts-expect-error the parameter has another name
  kit.publish(Placed, { order: '1' }, { total: '5' });
  // @ts-expect-error the payload is missing
  kit.publish(Placed, { id: '1' });
  // @ts-expect-error a message of core NATS has no id
  kit.publish(Ticked, { symbol: 'X' }, 1, { messageId: '1' });
  // @ts-expect-error the contract chooses the codec
  kit.publish(Placed, { id: '1' }, { total: '5' }, { codec: undefined });
  // @ts-expect-error the contract tells whether it is one of core NATS
  kit.publish(Placed, { id: '1' }, { total: '5' }, { core: true });
  // @ts-expect-error there is no such parameter
  void kit.handled(Placed, { params: { order: '1' } });
  // @ts-expect-error the subject is that of the contract
  void kit.handled(Placed, { subject: 'orders.1.placed' });
  // @ts-expect-error parameters need a contract
  void kit.handled('Billing.onPlaced', { params: { id: '1' } });
  // @ts-expect-error there is no such outcome
  void kit.handled(Placed, { outcome: 'done' });
  void kit.handled(Placed).then(({ payload }) => {
    // @ts-expect-error there is no such property
    void payload.sum;
  });
  // @ts-expect-error a number selects nothing
  void kit.expectNothing(5);
}
