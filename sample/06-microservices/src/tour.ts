import { setTimeout as delay } from 'node:timers/promises';
import type { INestMicroservice } from '@nestjs/common';
import type { OrderPlaced } from './order.js';
import { startShipping } from './services.js';
import { Shipments } from './shipping/shipments.js';

const ORDERS_WHILE_DOWN = 5;

/** Shows the features of the services; resolves with the instance of shipping that runs at the end. */
export async function tour(
  gateway: string,
  nats: string,
  shipping: INestMicroservice,
): Promise<INestMicroservice> {
  const order = async (article: string): Promise<globalThis.Response> =>
    fetch(`${gateway}/orders`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ article, quantity: 3 }),
    });

  const placed = (await (await order('tea')).json()) as OrderPlaced;
  console.log(`placed ${placed.quantity} × ${placed.article} for ${placed.price}`);
  await shipped(shipping, 1);
  const progress = await (await fetch(`${gateway}/orders/${placed.id}/progress`)).text();
  console.log(`progress: ${progress.trim().split('\n').map(step).join(', ')}`);

  const refused = await order('gold');
  console.log(`refused with ${refused.status}: ${((await refused.json()) as { message: string }).message}`);

  await shipping.close();
  for (let i = 0; i < ORDERS_WHILE_DOWN; i++) await order('coffee');
  console.log(`${ORDERS_WHILE_DOWN} orders placed while shipping was down`);
  const again = await startShipping(nats);
  await shipped(again, ORDERS_WHILE_DOWN);
  console.log(`${again.get(Shipments).count} orders shipped when it was back`);
  return again;
}

async function shipped(shipping: INestMicroservice, count: number): Promise<void> {
  while (shipping.get(Shipments).count < count) await delay(10);
}

function step(line: string): string {
  return (JSON.parse(line) as { readonly step: string }).step;
}
