/** Types that follow from other types. `npm run typecheck` compiles this file; it is never run. */
import { Injectable } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  InjectKeyValue,
  jsonCodec,
  JsConsumer,
  PublishTo,
  type CachedKeyValue,
  type Codec,
  type JetStreamBatchContext,
  type JetStreamContext,
  type JetStreamMessage,
  type KeyValue,
  type KeyValueEntry,
  type KeyValuePut,
  type KeyValueRemoval,
  type KeyValueService,
  type KeyValueWatch,
  type PayloadDecodingError,
  type StoredConsumerConfig,
} from 'nestjs-nats-jetstream';
import { expectTypeOf } from 'vitest';
import { z } from 'zod';

interface Profile {
  readonly color: string;
}

declare const service: KeyValueService;
declare const message: JetStreamMessage;
declare const profileCodec: Codec<Profile>;

@Injectable()
export class Profiles {
  constructor(@InjectKeyValue('profiles') private readonly bucket: KeyValue<Profile>) {}

  async use(): Promise<void> {
    const { bucket } = this;
    expectTypeOf(await bucket.get('sue')).toEqualTypeOf<KeyValuePut<Profile> | undefined>();
    expectTypeOf(await bucket.getOrThrow('sue')).toEqualTypeOf<KeyValuePut<Profile>>();
    expectTypeOf(await bucket.history('sue')).toEqualTypeOf<KeyValueEntry<Profile>[]>();
    expectTypeOf(await bucket.watch()).toEqualTypeOf<KeyValueWatch<Profile>>();
    expectTypeOf(await bucket.cached()).toEqualTypeOf<CachedKeyValue<Profile>>();
    await bucket.put('sue', { color: 'blue' });
    await bucket.put('sue', new Uint8Array());
    // @ts-expect-error not a profile
    await bucket.put('sue', { colour: 'blue' });
    // @ts-expect-error the revision is required
    await bucket.update('sue', { color: 'blue' });
    await bucket.modify('sue', (current) => {
      expectTypeOf(current).toEqualTypeOf<Profile | undefined>();
      return current && { color: current.color };
    });
    // @ts-expect-error not a profile
    await bucket.modify('sue', () => ({ colour: 'blue' }));
    for await (const entry of await bucket.watch()) {
      // The operation distinguishes values from removals.
      if (entry.operation === 'PUT') expectTypeOf(entry.value).toEqualTypeOf<Profile>();
      else {
        expectTypeOf(entry).toEqualTypeOf<KeyValueRemoval>();
        expectTypeOf(entry.value).toEqualTypeOf<undefined>();
      }
    }
  }
}

export async function buckets(): Promise<void> {
  expectTypeOf(await service.open('profiles')).toEqualTypeOf<KeyValue>();
  expectTypeOf(await service.open<Profile>('profiles')).toEqualTypeOf<KeyValue<Profile>>();
  expectTypeOf(await service.create({ bucket: 'profiles' }, { codec: profileCodec })).toEqualTypeOf<
    KeyValue<Profile>
  >();
  // @ts-expect-error the codec is for other values
  await service.open<string>('profiles', { codec: profileCodec });
  expectTypeOf(jsonCodec).toExtend<Codec>();
}

export function messages(): void {
  expectTypeOf(message.json()).toEqualTypeOf<unknown>();
  expectTypeOf(message.json<Profile>()).toEqualTypeOf<Profile>();
  expectTypeOf<PayloadDecodingError>().toExtend<Error>();
}

/** `deliverSubject` distinguishes the two kinds of consumers. */
export function consumers(config: StoredConsumerConfig): void {
  if (config.deliverSubject === undefined) expectTypeOf(config).toHaveProperty('maxRequestBatch');
  else expectTypeOf(config.deliverSubject).toEqualTypeOf<string>();
}

const order = z.object({ id: z.coerce.number() });
const schema = { stream: 'ORDERS', schema: order } as const;

/** The first parameter of a handler must accept the output of its schema. */
@Injectable()
export class Orders {
  @JsConsumer({ ...schema, durable: 'same' })
  same(@Payload() _order: { readonly id: number }): void {}

  @JsConsumer({ ...schema, durable: 'wider' })
  wider(@Payload() _order: { readonly id: number | string }): void {}

  @JsConsumer({ ...schema, durable: 'none' })
  none(): void {}

  // @ts-expect-error the schema produces a number
  @JsConsumer({ ...schema, durable: 'other' })
  other(@Payload() _order: { readonly id: string }): void {}

  @JsConsumer({ stream: 'ORDERS', durable: 'any' })
  any(@Payload() _order: { readonly id: string }): void {}
}

/** The first parameter of a batch handler must accept an array, or its context. */
@Injectable()
export class Batches {
  @JsConsumer({ stream: 'ORDERS', durable: 'list', batch: { size: 5 } })
  list(@Payload() _orders: { readonly id: string }[], @Ctx() _context: JetStreamBatchContext): void {}

  @JsConsumer({ stream: 'ORDERS', durable: 'readonly', batch: { size: 5 } })
  readonly(@Payload() _orders: readonly { readonly id: string }[] | null): void {}

  @JsConsumer({ stream: 'ORDERS', durable: 'iterable', batch: { size: 5 } })
  iterable(@Payload() _orders: Iterable<string>): void {}

  @JsConsumer({ stream: 'ORDERS', durable: 'context', batch: { size: 5 } })
  context(@Ctx() _context: JetStreamBatchContext, @Payload() _orders: string[]): void {}

  @JsConsumer({ stream: 'ORDERS', durable: 'none', batch: { size: 5 } })
  none(): void {}

  // @ts-expect-error a batch has several payloads
  @JsConsumer({ stream: 'ORDERS', durable: 'one', batch: { size: 5 } })
  one(@Payload() _order: { readonly id: string }): void {}

  // @ts-expect-error the context of a single message
  @JsConsumer({ stream: 'ORDERS', durable: 'message', batch: { size: 5 } })
  message(@Ctx() _context: JetStreamContext): void {}

  @JsConsumer({ ...schema, durable: 'output', batch: { size: 5 } })
  output(@Payload() _orders: { readonly id: number }[]): void {}

  // @ts-expect-error the schema produces numbers
  @JsConsumer({ ...schema, durable: 'other', batch: { size: 5 } })
  other(@Payload() _orders: { readonly id: string }[]): void {}

  // @ts-expect-error a batch has several payloads, each the output of the schema
  @JsConsumer({ ...schema, durable: 'single', batch: { size: 5 } })
  single(@Payload() _order: { readonly id: number }): void {}

  @JsConsumer({ stream: 'ORDERS', durable: 'no-batch', batch: undefined })
  unbatched(@Payload() _order: { readonly id: string }): void {}
}

/** The result of a handler must be what its decorator publishes. */
@Injectable()
export class Invoices {
  @PublishTo<Profile>('profiles')
  one(): Profile {
    return { color: 'blue' };
  }

  @PublishTo<Profile>('profiles')
  async *many(): AsyncGenerator<Profile> {
    yield await Promise.resolve({ color: 'blue' });
  }

  // @ts-expect-error not a profile
  @PublishTo<Profile>('profiles')
  other(): number {
    return 1;
  }
}
