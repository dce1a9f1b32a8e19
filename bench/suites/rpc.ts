import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientProxyFactory,
  MessagePattern,
  Payload,
  Transport,
  type ClientProxy,
  type MicroserviceOptions,
} from '@nestjs/microservices';
import { JetStreamClient, JetStreamServer } from 'nestjs-nats-jetstream/microservice';
import { firstValueFrom } from 'rxjs';
import type { Bench, BenchValue, Side, Suite } from '../suite.js';

const IN_FLIGHT = 200;

/**
 * Requests to a `@MessagePattern` handler, 200 in flight, client and server in this process: `JetStreamServer` and
 * `JetStreamClient` against Nest's own `Transport.NATS`.
 */
const suite: Suite = {
  unit: 'requests',
  operations: 30_000,
  async open(bench) {
    const ours = await serve(
      bench,
      'ours.total',
      { strategy: new JetStreamServer({ name: 'ours', connection: { servers: bench.url } }) },
      new JetStreamClient({ connection: { servers: bench.url } }),
    );
    const nests = await serve(
      bench,
      'nests.total',
      { transport: Transport.NATS, options: { servers: bench.url, queue: 'nests' } },
      ClientProxyFactory.create({ transport: Transport.NATS, options: { servers: bench.url } }),
    );
    return {
      ours,
      raw: nests,
      close: async () => {
        await ours.close();
        await nests.close();
      },
    };
  },
};

export default suite;

interface Total {
  readonly id: number;
  readonly total: number;
}

async function serve(
  bench: Bench,
  pattern: string,
  options: MicroserviceOptions,
  client: ClientProxy,
): Promise<Side & { readonly close: () => Promise<void> }> {
  @Controller()
  class Orders {
    @MessagePattern(pattern)
    total(@Payload() { id, total }: BenchValue): Total {
      return { id, total };
    }
  }

  @Module({ controllers: [Orders] })
  class RpcModule {}

  const app = await NestFactory.createMicroservice<MicroserviceOptions>(RpcModule, {
    ...options,
    logger: ['warn', 'error'],
  });
  await app.listen();
  await client.connect();

  const ask = async () => {
    const { total } = await firstValueFrom(client.send<Total>(pattern, bench.value));
    if (total !== bench.value.total) throw new Error(`answered ${total} instead of ${bench.value.total}`);
  };
  return {
    run: async (requests) => {
      let left = requests;
      const worker = async () => {
        while (left-- > 0) await ask();
      };
      await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
    },
    close: async () => {
      await client.close();
      await app.close();
    },
  };
}
