// #region imports
import { CacheModule } from '@nestjs/cache-manager';
import { Module } from '@nestjs/common';
import { getKeyValueToken, JetStreamModule, type KeyValue } from 'nestjs-nats-jetstream';
import { KeyValueCacheStore } from 'nestjs-nats-jetstream/cache';
// #endregion

const cacheBucket = JetStreamModule.forFeature({
  keyValues: [{ bucket: 'cache', storage: 'memory', ttl: 3_600_000, limitMarkerTtl: 1_000 }],
});

// #region cache
@Module({
  imports: [
    CacheModule.registerAsync({
      isGlobal: true,
      imports: [cacheBucket],
      inject: [getKeyValueToken('cache')],
      useFactory: (bucket: KeyValue) => ({ stores: [new KeyValueCacheStore(bucket)], ttl: 60_000 }),
    }),
  ],
})
export class CachingModule {}
// #endregion
