import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  getKeyValueToken,
  InjectKeyValue,
  JetStreamModule,
  JetStreamService,
  type KeyValue,
} from 'nestjs-nats-jetstream';
import { expect, it } from 'vitest';

@Injectable()
class Prices {
  constructor(@InjectKeyValue('prices') private readonly prices: KeyValue<number>) {}

  async of(article: string): Promise<number> {
    return (await this.prices.getOrThrow(article)).value;
  }
}

@Module({
  imports: [
    JetStreamModule.forRoot({ connect: false }),
    JetStreamModule.forFeature({ keyValues: [{ bucket: 'prices' }] }),
  ],
  providers: [Prices],
})
class AppModule {}

it('replaces what a class injects', async () => {
  // #region override
  const module = await Test.createTestingModule({ imports: [AppModule] })
    .overrideProvider(getKeyValueToken('prices')) // @InjectKeyValue('prices')
    .useValue({ getOrThrow: async () => ({ value: 9.9 }) })
    .overrideProvider(JetStreamService)
    .useValue({ publish: async () => ({ stream: 'ORDERS', sequence: 1 }) })
    .compile();
  expect(await module.get(Prices).of('apple')).toBe(9.9);
  // #endregion
  await module.close();
});
