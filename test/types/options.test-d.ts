/** Combinations of options that the types exclude. `npm run typecheck` compiles this file; it is never run. */
import {
  JetStreamModule,
  JsConsumer,
  KvWatch,
  ObjectWatch,
  PublishTo,
  type HandlerDefaults,
  type JetStreamService,
  type JsConsumerOptions,
  type KeyValue,
  type KeyValueWatchOptions,
  type ObjectStore,
  type Stream,
} from 'nestjs-nats-jetstream';
import { expectTypeOf } from 'vitest';

declare const keyValue: KeyValue;
declare const objects: ObjectStore;
declare const stream: Stream;
declare const jetstream: JetStreamService;
declare const maybe: boolean;
declare const revision: number | undefined;
const stored = { stream: 'ORDERS' } as const;

// Watches of keys.
void keyValue.watch('>', { updatesOnly: true, ignoreDeletes: true });
void keyValue.watch('>', { updatesOnly: maybe });
void keyValue.watch('>', { includeHistory: maybe, resumeFromRevision: revision });
void keyValue.watch('>', { updatesOnly: false, resumeFromRevision: 1 });
// @ts-expect-error new changes only, and changes since a revision
void keyValue.watch('>', { updatesOnly: true, resumeFromRevision: 1 });
// @ts-expect-error new changes only, and the history
void keyValue.watch('>', { updatesOnly: true, includeHistory: true });
KvWatch('profiles', { keys: 'a.*', updatesOnly: true });
KvWatch('profiles', { resumeFromRevision: revision, includeHistory: true });
// @ts-expect-error new changes only, and changes since a revision
KvWatch('profiles', { updatesOnly: true, resumeFromRevision: 1 });
// @ts-expect-error the same from a factory
KvWatch({ useFactory: () => ({ bucket: 'profiles', updatesOnly: true, includeHistory: true }) });
expectTypeOf<{ updatesOnly: true; resumeFromRevision: 1 }>().not.toExtend<KeyValueWatchOptions>();

KvWatch('profiles', { keys: 'a.*', includeHistory: maybe, waitForInitialValues: maybe });
// @ts-expect-error there are no initial values
KvWatch('profiles', { updatesOnly: true, waitForInitialValues: true });

// Watches of objects.
void objects.watch({ updatesOnly: maybe });
void objects.watch({ includeHistory: maybe });
// @ts-expect-error new descriptions only, and the stored ones
void objects.watch({ updatesOnly: true, includeHistory: true });
ObjectWatch('files', { updatesOnly: true });
// @ts-expect-error new descriptions only, and the stored ones
ObjectWatch('files', { updatesOnly: true, includeHistory: true });

ObjectWatch('files', { waitForInitialValues: true });
// @ts-expect-error there are no initial objects
ObjectWatch('files', { updatesOnly: true, waitForInitialValues: true });

// Messages of a stream.
stream.getMessages({ startSequence: 1, batch: 10 });
stream.getMessages({ startTime: new Date() });
// @ts-expect-error two starts
stream.getMessages({ startSequence: 1, startTime: new Date() });
// @ts-expect-error no start
stream.getMessages({ batch: 10 });
stream.getLastMessages('>', { upToSequence: 1 });
// @ts-expect-error two ends
stream.getLastMessages('>', { upToSequence: 1, upToTime: new Date() });
void stream.purge({ subject: 'a', keep: 1 });
// @ts-expect-error messages before a sequence, and all but the newest
void stream.purge({ sequence: 1, keep: 1 });

// Consumers.
void jetstream.createConsumer('ORDERS', { durable: 'a', maxRequestBatch: 5 });
// @ts-expect-error a pull consumer has no subject that it delivers to
void jetstream.createConsumer('ORDERS', { durable: 'a', deliverSubject: 'b' });
// @ts-expect-error a push consumer needs one
void jetstream.createPushConsumer('ORDERS', { durable: 'a' });
// @ts-expect-error a push consumer has no limits of requests
void jetstream.createPushConsumer('ORDERS', { deliverSubject: 'b', maxRequestBatch: 5 });
// @ts-expect-error no such policy
void jetstream.createConsumer('ORDERS', { ackPolicy: 'some' });

// Handlers on pull consumers.
JsConsumer({ ...stored, durable: 'a', batch: { size: 10 }, ackPolicy: 'all' });
JsConsumer({ ...stored, ackMode: 'first', orderBy: 2, priorityGroup: 'jobs' });
// @ts-expect-error no such mode
JsConsumer({ ...stored, ackMode: 'never' });
// @ts-expect-error `ackMode: 'none'` has no acknowledgements; the policy follows from it
JsConsumer({ ...stored, ackPolicy: 'none' });
// @ts-expect-error a pull consumer has no subject that it delivers to
JsConsumer({ ...stored, deliverSubject: 'a' });
// @ts-expect-error `retry` decides
JsConsumer({ ...stored, maxDeliver: 5 });
// @ts-expect-error the stream is missing
JsConsumer({ durable: 'a' });

// Handlers on ordered consumers.
JsConsumer({ ...stored, ordered: true, concurrency: 1, deliverPolicy: 'new' });
// @ts-expect-error ordered messages are not acknowledged
JsConsumer({ ...stored, ordered: true, ackMode: 'manual' });
// @ts-expect-error an ordered consumer belongs to one instance
JsConsumer({ ...stored, ordered: true, durable: 'a' });
// @ts-expect-error one message at a time
JsConsumer({ ...stored, ordered: true, concurrency: 2 });
// @ts-expect-error one message at a time
JsConsumer({ ...stored, ordered: true, batch: { size: 10 } });
// @ts-expect-error nothing is delivered twice
JsConsumer({ ...stored, ordered: true, idempotent: { bucket: 'done' } });
// @ts-expect-error pulled or pushed
JsConsumer({ ...stored, ordered: true, push: {} });

// Handlers on push consumers.
JsConsumer({ ...stored, push: { deliverGroup: 'a' }, orderBy: 1 });
// @ts-expect-error the server decides what it pushes
JsConsumer({ ...stored, push: {}, batch: { size: 10 } });
// @ts-expect-error groups of priorities are for pulls
JsConsumer({ ...stored, push: {}, priorityGroup: 'jobs' });
// @ts-expect-error limits of requests are for pulls
JsConsumer({ ...stored, push: {}, maxRequestBatch: 5 });
// @ts-expect-error the options of the delivery are in `push`
JsConsumer({ ...stored, push: {}, deliverSubject: 'a' });
expectTypeOf<HandlerDefaults>().not.toHaveProperty('stream');
expectTypeOf<Extract<JsConsumerOptions, { readonly ordered: true }>['durable']>().toEqualTypeOf<undefined>();

// The module.
JetStreamModule.forRoot({ jetstream: { domain: 'hub', timeout: 1_000 } });
JetStreamModule.forRoot({ jetstream: { apiPrefix: '$JS.hub.API' } });
// @ts-expect-error a domain is short for a prefix
JetStreamModule.forRoot({ jetstream: { domain: 'hub', apiPrefix: '$JS.hub.API' } });
// @ts-expect-error no such mode
JetStreamModule.forRoot({ provisioning: 'create' });
JetStreamModule.forFeatureAsync({
  streams: [{ name: 'ORDERS', inject: ['SIZE'], useFactory: (maxBytes: number) => ({ maxBytes }) }],
  keyValues: [{ bucket: 'b', useFactory: async () => Promise.resolve({ history: 5 }) }],
});
// @ts-expect-error a declaration needs its factory
JetStreamModule.forFeatureAsync({ streams: [{ name: 'ORDERS' }] });
// @ts-expect-error names are static
JetStreamModule.forFeatureAsync({ streams: [{ useFactory: () => ({ name: 'ORDERS' }) }] });
// @ts-expect-error no such option
JetStreamModule.forFeatureAsync({ keyValues: [{ bucket: 'b', useFactory: () => ({ history: 'all' }) }] });

// What is published.
PublishTo<{ readonly id: string }>(({ id }) => `invoices.${id}`);
// @ts-expect-error there is no such property
PublishTo<{ readonly id: string }>(({ name }) => `invoices.${String(name)}`);
