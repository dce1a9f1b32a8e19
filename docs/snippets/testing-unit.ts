import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  getKeyValueToken,
  InjectKeyValue,
  JetStreamModule,
  JetStreamService,
  type KeyValue,
} from 'nestjs-nats-jetstream';
import { expect, it, vi } from 'vitest';

@Injectable()
class Prices {
  constructor(@InjectKeyValue('prices') private readonly prices: KeyValue<number>) {}

  async of(article: string): Promise<number> {
    return (await this.prices.getOrThrow(article)).value;
  }
}

const AppModule = {
  module: class {},
  imports: [
    JetStreamModule.forRoot({ connect: false }),
    JetStreamModule.forFeature({ keyValues: [{ bucket: 'prices' }] }),
  ],
  providers: [Prices],
};

it('replaces what a class injects', async () => {
  // #region override
  const module = await Test.createTestingModule({ imports: [AppModule] })
    .overrideProvider(getKeyValueToken('prices')) // @InjectKeyValue('prices')
    .useValue({ getOrThrow: vi.fn(async () => ({ value: 9.9 })) })
    .overrideProvider(JetStreamService)
    .useValue({ publish: vi.fn(async () => ({ stream: 'ORDERS', sequence: 1 })) })
    .compile();
  expect(await module.get(Prices).of('apple')).toBe(9.9);
  // #endregion
  await module.close();
});
