import { Injectable, type Provider } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  Handlers,
  JsConsumer,
  type JetStreamModuleOptions,
  KvWatch,
  NatsSubscribe,
  PublishTo,
  TerminateMessage,
} from 'nestjs-nats-jetstream';
import type { HandlerRow, HandlersView } from '../../../lib/board/model/index.js';
import type { startApplication } from '../../support/application.js';
import { type DataApplication, startData } from './start-data.js';

/** The handler of orders. */
export const ON_ORDER = 'Billing.onOrder';

@Injectable()
export class Billing {
  @PublishTo('parcels.new')
  @JsConsumer({
    stream: 'ORDERS',
    durable: 'billing',
    filterSubjects: ['orders.new', 'orders.old'],
    deadLetter: true,
  })
  onOrder(@Payload() order: unknown): unknown {
    if (order === 'broken') throw new TerminateMessage('it cannot be billed');
    return order;
  }

  @KvWatch('prices')
  onPrice(): void {
    // The board shows its figures.
  }

  @NatsSubscribe('hello')
  onHello(): void {
    // The board shows its figures.
  }
}

const FEATURE = {
  streams: [
    { name: 'ORDERS', subjects: ['orders.>'], storage: 'memory' },
    { name: 'PARCELS', subjects: ['parcels.>'], storage: 'memory' },
  ],
  keyValues: [{ bucket: 'prices', storage: 'memory' }],
} as const;

type More = Omit<Parameters<typeof startApplication>[1], 'options' | 'providers'> & {
  readonly providers?: Provider[];
  readonly options?: Omit<JetStreamModuleOptions, 'connection'>;
};

/** The option that makes the application an instance of the shop. */
export function shop(control = true): Pick<JetStreamModuleOptions, 'discovery'> {
  return { discovery: { name: 'shop', version: '1.0.0', control } };
}

/** Starts an instance that handles orders; only with those of {@link shop}, it is a service. */
export function startShop(
  url: string,
  options: More['options'] = {},
  more: More = {},
): Promise<DataApplication> {
  const { providers = [], ...rest } = more;
  return startData(url, { feature: FEATURE, ...rest, options, providers: [Billing, ...providers] });
}

/** The row of a handler. */
export function rowOf({ rows }: Pick<HandlersView, 'rows'>, handler: string): HandlerRow {
  const row = rows.find((each) => each.handler === handler);
  if (row === undefined) throw new Error(`no ${handler} in ${JSON.stringify(rows)}`);
  return row;
}

/** The sum of a figure over all instances of a handler. */
export function sumOf(row: HandlerRow, figure: 'requests' | 'errors'): number {
  return row.instances.reduce((sum, instance) => sum + instance[figure], 0);
}

/** The status of the handler of orders in an application, as that says itself. */
export function statusOf({ app }: DataApplication, handler = ON_ORDER): string {
  return app.get(Handlers).get(handler).status;
}

export function idOf({ source }: DataApplication): string {
  return source.service?.id ?? '';
}

/** Deletes what the applications have stored. */
export async function clear({ jetstream }: DataApplication): Promise<void> {
  for await (const name of jetstream.streamNames()) await jetstream.deleteStream(name);
}
