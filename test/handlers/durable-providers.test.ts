import { Inject, Injectable, Scope } from '@nestjs/common';
import {
  ContextIdFactory,
  REQUEST,
  type ContextId,
  type ContextIdStrategy,
  type HostComponentInfo,
} from '@nestjs/core';
import { Ctx, Payload } from '@nestjs/microservices';
import { JetStreamContext, JetStreamService, JsConsumer } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { expect, it } from 'vitest';
import { startApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

interface Tenant {
  readonly tenant: string;
}

/** One sub-tree of durable providers for each tenant, as in Nest's documentation. */
class ByTenant implements ContextIdStrategy<{ getContext(): JetStreamContext }> {
  private readonly trees = new Map<string, ContextId>();

  attach(contextId: ContextId, request: { getContext(): JetStreamContext }) {
    const tenant = request.getContext().headers?.get('Tenant') ?? '';
    const tree = this.trees.get(tenant) ?? { id: this.trees.size + 1_000_000 };
    this.trees.set(tenant, tree);
    return {
      resolve: (info: HostComponentInfo) => (info.isTreeDurable ? tree : contextId),
      payload: { tenant },
    };
  }
}

let connections = 0;

@Injectable({ scope: Scope.REQUEST, durable: true })
class TenantConnection {
  readonly serial = ++connections;

  constructor(@Inject(REQUEST) readonly request: Tenant) {}
}

const handled: [id: number, tenant: string, connection: number][] = [];

@Injectable()
class Orders {
  constructor(private readonly connection: TenantConnection) {}

  @JsConsumer({ stream: 'ORDERS', durable: 'orders' })
  onOrder(@Payload() id: number, @Ctx() _context: JetStreamContext): void {
    handled.push([id, this.connection.request.tenant, this.connection.serial]);
  }
}

it('creates durable providers once for each tenant, with the payload of the strategy', async () => {
  ContextIdFactory.apply(new ByTenant());
  await using server = await NatsTestServer.start();
  await using application = await startApplication(server.url, {
    feature: { streams: [{ name: 'ORDERS', subjects: ['orders'], storage: 'memory' }] },
    providers: [TenantConnection, Orders],
  });
  const jetstream = application.app.get(JetStreamService);
  for (const [id, tenant] of [
    [1, 'a'],
    [2, 'b'],
    [3, 'a'],
    [4, 'b'],
  ] as const) {
    await jetstream.publish('orders', id, { headers: { Tenant: tenant } });
  }
  await eventually(
    () => handled.length,
    (n) => n === 4,
  );
  expect(handled).toEqual([
    [1, 'a', 1],
    [2, 'b', 2],
    [3, 'a', 1],
    [4, 'b', 2],
  ]);
});
