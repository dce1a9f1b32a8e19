import { Injectable } from '@nestjs/common';
import {
  defineMessage,
  JetStreamModule,
  JsConsumer,
  JsHandler,
  ObjectWatch,
  OnDeadLetter,
  PublishTo,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { FlowView } from '../../../lib/board/model/index.js';
import { eventually } from '../../support/eventually.js';
import type { DataApplication } from './start-data.js';
import { clear, shop, startShop } from './start-shop.js';

let server: NatsTestServer;
const started: DataApplication[] = [];

beforeAll(async () => {
  server = await NatsTestServer.start();
});
afterAll(() => server.stop());
afterEach(async () => {
  const applications = started.splice(0);
  for (const each of applications.slice(0, 1)) await clear(each);
  await Promise.all(applications.map((each) => each[Symbol.asyncDispose]()));
});

type Settings = Parameters<typeof startShop>;
async function start(options?: Settings[1], more?: Settings[2]): Promise<DataApplication> {
  const application = await startShop(server.url, options, more);
  started.push(application);
  return application;
}

/** The edges as texts, in their order. */
function edgesOf({ edges, nodes }: FlowView): string[] {
  const labels = new Map(nodes.map(({ id, kind, label }) => [id, `${kind} ${label}`]));
  expect(labels.size).toBe(nodes.length);
  return edges.map(({ count, from, kind, subject, to }) => {
    const more = [subject, count].filter((each) => each !== undefined).map((each) => ` ${each}`);
    return `${labels.get(from)} ${kind} ${labels.get(to)}${more.join('')}`;
  });
}

const PAID = defineMessage({ subject: 'orders.:id.paid', name: 'OrderPaid' });
const CALLED = defineMessage({ subject: 'calls.:id', name: 'Called', core: true });

@JsConsumer({ stream: 'PARCELS', durable: 'routed' })
@Injectable()
class Routed {
  @PublishTo('orders.{1}.sent')
  @PublishTo('unknown.sent')
  @JsHandler('parcels.new')
  onNew(): object {
    return { id: 1 };
  }

  @PublishTo(() => 'orders.any')
  @JsHandler('parcels.old')
  onOld(): undefined {
    return undefined;
  }
}

@Injectable()
class Others {
  @JsConsumer({ stream: 'ORDERS', ordered: true, deliverPolicy: 'new' })
  onAny(): void {
    // The board shows its source.
  }

  @ObjectWatch('files')
  onFile(): void {
    // The board shows its source.
  }

  @OnDeadLetter()
  onDeadLetter(): void {
    // The board shows its source.
  }

  @PublishTo('orders.far', { connection: 'second' })
  @JsConsumer({ stream: 'PARCELS', durable: 'far' })
  onFar(): undefined {
    return undefined;
  }
}

describe('the view flow', () => {
  it('shows what instances handle and what this application publishes', async () => {
    const first = await start(shop());
    await start(shop());
    for (const order of ['broken', 1, 2]) await first.jetstream.publish('orders.new', order);
    const view = await eventually(
      () => first.view('flow'),
      (each) => edgesOf(each).includes('stream ORDERS delivers handler Billing.onOrder 3'),
    );
    expect(edgesOf(view).toSorted()).toEqual([
      'bucket prices delivers handler Billing.onPrice 0',
      'handler Billing.onOrder dead-letters dead-letters DEAD_LETTERS 1',
      'handler Billing.onOrder publishes stream PARCELS parcels.new',
      'stream ORDERS delivers handler Billing.onOrder 3',
      'subject hello delivers handler Billing.onHello 0',
    ]);
    expect(JSON.parse(JSON.stringify(view))).toEqual(view);
  });

  it.each([
    ['with', shop(), { onNew: 'Routed.onNew', onOld: 'Routed.onOld' }],
    // The methods of a class are one handler of the application.
    ['without', {}, { onNew: 'Routed', onOld: 'Routed' }],
  ])('knows all forms of handlers and publications, %s the option discovery', async (_, options, names) => {
    const application = await start(options, {
      imports: [
        JetStreamModule.forRoot({ name: 'second', connection: { servers: server.url } }),
        JetStreamModule.forFeature({
          objectStores: [{ bucket: 'files', storage: 'memory' }],
          messages: [PAID, CALLED],
        }),
      ],
      providers: [Routed, Others],
    });
    const edges = edgesOf(await application.view('flow'));
    expect(edges).toEqual(
      expect.arrayContaining([
        // An ordered consumer has no name.
        'stream ORDERS delivers handler Others.onAny 0',
        'bucket files delivers handler Others.onFile 0',
        'dead-letters DEAD_LETTERS delivers handler Others.onDeadLetter 0',
        'handler Others.onFar publishes subject orders.far on connection second orders.far',
        'subject orders.*.paid publishes stream ORDERS orders.*.paid',
        `handler ${names.onNew} publishes stream ORDERS orders.*.sent`,
        `handler ${names.onNew} publishes subject unknown.sent unknown.sent`,
        `handler ${names.onOld} publishes subject chosen by a function`,
        `stream PARCELS delivers handler ${names.onNew} 0`,
      ]),
    );
    expect(edges.join('\n')).not.toContain('calls');
  });

  it('keeps the handlers of services apart that have the same names', async () => {
    const first = await start(shop());
    await start({ discovery: { name: 'archive', version: '1.0.0' } });
    const { edges, nodes } = await first.view('flow');
    const handlers = nodes.filter(({ label }) => label === 'Billing.onOrder');
    expect(handlers).toHaveLength(2);
    // The publications of the other service are not known here.
    const [published, ...others] = edges.filter(({ kind }) => kind === 'publishes');
    expect(others).toEqual([]);
    expect(published?.from).toBe(handlers.find(({ id }) => id.includes('shop'))?.id);
  });

  it('shows what is handled, without the declarations of an application', async () => {
    const application = await start(shop());
    Object.defineProperty(application.source, 'discovery', { value: undefined });
    const edges = edgesOf(await application.view('flow'));
    expect(edges).toContain('stream ORDERS delivers handler Billing.onOrder 0');
    expect(edges.join('\n')).not.toContain('publishes');
  });
});
