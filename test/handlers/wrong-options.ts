import {
  JsConsumer,
  KvWatch,
  ObjectWatch,
  OnDeadLetter,
  OnJetStreamEvent,
  PublishTo,
  NatsSubscribe,
} from 'nestjs-nats-jetstream';

/** A decorator that accepts anything, as in JavaScript. */
export type Untyped = (...args: unknown[]) => MethodDecorator;
export const [consumer, watch, objects, subscribe, letters, events, publishTo] = [
  JsConsumer,
  KvWatch,
  ObjectWatch,
  NatsSubscribe,
  OnDeadLetter,
  OnJetStreamEvent,
  PublishTo,
] as unknown as Untyped[];

const LONGEST = 9_223_372_036_854;
const throwing = (): never => {
  throw new Error('do not read me');
};
const withThrowing = (option: string): object =>
  Object.defineProperty({}, option, { get: throwing, enumerable: true });
export const unreadable = new Proxy(
  {},
  { ownKeys: throwing, get: throwing, has: throwing, getPrototypeOf: throwing },
);
const circular: Record<string, unknown> = {};
circular.itself = circular;

const codec = { contentType: 'text/csv', encode: () => new Uint8Array(0), decode: () => [] };
const codecs: [string, unknown][] = [
  ['a name', 'json'],
  ['nothing in it', {}],
  ['null', null],
  ['a number', 5],
  ['a function', () => codec],
  ['no decode', { ...codec, decode: undefined }],
  ['an encode that is not a function', { ...codec, encode: 'utf8' }],
  ['no content type', { ...codec, contentType: undefined }],
  ['an empty content type', { ...codec, contentType: '' }],
  ['a content type that no header can hold', { ...codec, contentType: 'text/csv\r\nX: y' }],
  [
    'a content type that cannot be read',
    Object.assign(withThrowing('contentType'), { encode() {}, decode() {} }),
  ],
  ['a promise of it', Promise.resolve(codec)],
  ['a proxy that throws', unreadable],
];

/** Invalid options of `@JsConsumer`, each with the text of its error. */
export const options: [string, object, RegExp][] = [
  ...codecs.map(([what, value]): [string, object, RegExp] => [
    `codec: ${what}`,
    { codec: value },
    /^codec must be a codec: an object with a contentType, such as "application\/json", and the methods/,
  ]),
  ['schema: a function', { schema: () => true }, /^schema must be a Standard Schema.*; it is a function/],
  ['schema: nothing in it', { schema: {} }, /^schema must be a Standard Schema/],
  ['schema: null', { schema: null }, /^schema must be a Standard Schema/],
  ['schema: a proxy that throws', { schema: unreadable }, /^schema must be a Standard Schema/],
  ['schema: without validate', { schema: { '~standard': { validate: 5 } } }, /^schema must be a Standard/],
  ['settlement: a number', { settlement: 5 }, /^settlement must be an object with onStart/],
  ['settlement: null', { settlement: null }, /^settlement must be an object with onStart/],
  ['settlement: another class', { settlement: Map }, /^settlement must be an object with onStart/],
  ['settlement: a proxy', { settlement: unreadable }, /^settlement must be an object with onStart/],
  ['orderBy: text', { orderBy: 'id' }, /^orderBy must be a function of the message, or the position/],
  ['orderBy: half a position', { orderBy: 0.5 }, /^orderBy must be a function/],
  [
    'retryIf: true',
    { retry: { retryIf: true } },
    /^retry\.retryIf must be a function of the error; it is true/,
  ],
  ['retry: null', { retry: null }, /^retry must be an object; it is null/],
  ['retry: text', { retry: 'often' }, /^retry must be an object; it is "often"/],
  ['retry: a promise', { retry: Promise.resolve({}) }, /^retry must be an object; it is a promise/],
  ['retry: a map', { retry: new Map() }, /^retry must be an object; it is a Map/],
  ['retry: a list', { retry: [] }, /^retry must be an object; it is an empty array/],
  [
    'type: an arrow function',
    { retry: { errors: [{ type: () => 1 }] } },
    /^retry\.errors\[0\]\.type must be a class/,
  ],
  [
    'type: a method',
    { retry: { errors: [{ type: { of() {} }.of }] } },
    /^retry\.errors\[0\]\.type must be a class/,
  ],
  ['type: none', { retry: { errors: [{}] } }, /^retry\.errors\[0\]\.type must be a class.*; it is undefined/],
  ['errors: null in it', { retry: { errors: [null] } }, /^retry\.errors\[0\] must be an object; it is null/],
  ['circuitBreaker: true', { circuitBreaker: true }, /^circuitBreaker must be an object; it is true/],
  ['rateLimit: 5', { rateLimit: 5 }, /^rateLimit must be an object; it is 5/],
  [
    'rateLimit: without per',
    { rateLimit: { messages: 5 } },
    /^rateLimit\.per must be a number.*; it is undefined/,
  ],
  ['batch: 10', { batch: 10 }, /^batch must be an object; it is 10/],
  [
    'batch: without a size',
    { batch: {} },
    /^batch\.size must be a whole number from 1 to 65536; it is undefined/,
  ],
  ['idempotent: a bucket', { idempotent: 'bucket' }, /^idempotent must be an object; it is "bucket"/],
  [
    'key: no name of a header',
    { idempotent: { bucket: 'b', key: 'a: b\r\n' } },
    /^idempotent\.key must be a function or the name of a header; it is "a: b\\r\\n"/,
  ],
  [
    'key: with a blank',
    { idempotent: { bucket: 'b', key: 'order id' } },
    /^idempotent\.key must be a function/,
  ],
  ['key: a list', { idempotent: { bucket: 'b', key: ['id'] } }, /^idempotent\.key must be a function/],
  [
    'ttl: longer than servers keep',
    { idempotent: { bucket: 'b', ttl: 7e12 } },
    /^idempotent\.ttl must be at most .*200 years/,
  ],
  [
    'concurrency: a bigint',
    { concurrency: 5n },
    /^concurrency must be a whole number from 1 to 65536; it is 5n/,
  ],
  ['concurrency: a symbol', { concurrency: Symbol('x') }, /^concurrency must be .*; it is Symbol\(x\)/],
  ['concurrency: beyond exact numbers', { concurrency: 2 ** 60 }, /^concurrency must be a whole number/],
  ['concurrency: an object', { concurrency: circular }, /^concurrency must be .*; it is an object/],
  [
    'concurrency: that cannot be read',
    withThrowing('concurrency'),
    /^concurrency cannot be read: do not read me/,
  ],
  ['filterSubjects: a number', { filterSubjects: 5 }, /^filterSubjects must be a subject; it is 5/],
  ['filterSubjects: null', { filterSubjects: null }, /^filterSubjects must be a subject; it is null/],
  [
    'filterSubjects: a set',
    { filterSubjects: new Set(['s']) },
    /^filterSubjects must be a subject; it is a Set/,
  ],
  ['filterSubjects: half a character', { filterSubjects: 's.\ud800' }, /^filterSubjects must be a subject/],
  [
    'filterSubjects: a hole',
    { filterSubjects: Array(1) },
    /^filterSubjects must be a subject; it is undefined/,
  ],
  ['durable: half a character', { durable: 'a\ud800' }, /^durable must be a name/],
  ['connection: a number', { connection: 5 }, /^connection must be a string; it is 5/],
  ['deadLetter: text', { deadLetter: 'yes' }, /^deadLetter must be true or false; it is "yes"/],
  ['ordered: text', { ordered: 'yes' }, /^ordered must be true or false/],
  ['metadata: a number in it', { metadata: { a: 5 } }, /^metadata\.a must be a string; it is 5/],
  [
    'priorityGroups: a number in it',
    { priorityGroups: ['a', 5] },
    /^priorityGroups\[1\] must be a string; it is 5/,
  ],
  ['metadata: text', { metadata: 'a' }, /^metadata must be an object whose values are strings; it is "a"/],
  [
    'metadata: a value that cannot be read',
    { metadata: withThrowing('a') },
    /^metadata cannot be read: do not read me/,
  ],
  ['codec: an empty list', { codec: [] }, /^codec must be .*; it is an empty array/],
  ['durable: an unnamed symbol', { durable: Symbol() }, /^durable must be a name .*; it is Symbol\(\)/],
  [
    'raw: circular',
    { raw: circular },
    /^raw must be an object that can be converted to JSON; it is an object/,
  ],
  ['raw: a bigint in it', { raw: { max: 5n } }, /^raw must be an object that can be converted to JSON/],
  ['sampleFrequency: a word', { sampleFrequency: 'often' }, /^sampleFrequency must be a percentage/],
  ['priority: 10', { priority: 10 }, /^priority must be a whole number from 0 to 9; it is 10/],
  ['startTime: text', { startTime: '2020' }, /^startTime must be a valid Date/],
  [
    'startTime: invalid',
    { startTime: new Date(Number.NaN) },
    /^startTime must be a valid Date.*; it is an invalid Date/,
  ],
  [
    'startTime: too late for servers',
    { startTime: new Date('2300-01-01') },
    /^startTime must be a valid Date between/,
  ],
  [
    'pauseUntil: too late for servers',
    { pauseUntil: new Date(8.64e15) },
    /^pauseUntil must be a valid Date between/,
  ],
  [
    'an option and a function that returns options',
    { useFactory: () => ({}) },
    /there is no option "stream"; the options are inject/,
  ],
];

/** Durations that the server measures in nanoseconds. */
const durations: [string, (ms: number) => object][] = [
  ['ackWait', (ackWait) => ({ ackWait })],
  ['inactiveThreshold', (inactiveThreshold) => ({ inactiveThreshold })],
  ['maxRequestExpires', (maxRequestExpires) => ({ maxRequestExpires })],
  ['pinnedTtl', (pinnedTtl) => ({ pinnedTtl })],
  ['push.idleHeartbeat', (idleHeartbeat) => ({ push: { idleHeartbeat } })],
  ['idempotent.lease', (lease) => ({ idempotent: { bucket: 'b', lease } })],
  ['retry.backoff[1]', (wait) => ({ retry: { backoff: [1, wait] } })],
  ['retry.errors[0].backoff[0]', (wait) => ({ retry: { errors: [{ type: Error, backoff: [wait] }] } })],
];
for (const [option, of] of durations) {
  for (const ms of [LONGEST + 1, 1e13, Number.MAX_SAFE_INTEGER, Number.MAX_VALUE]) {
    const name = option.replaceAll(/[.[\]]/g, '\\$&');
    options.push([
      `${option}: ${ms}`,
      of(ms),
      new RegExp(`^${name} must be at most ${LONGEST} milliseconds, about 292 years`),
    ]);
  }
  options.push([`${option}: Infinity`, of(Infinity), /must be a number of milliseconds/]);
}

const subjects: [string, unknown][] = [
  ['of the API', '$JS.API.INFO'],
  ['of a bucket', '$KV.b.key'],
  ['of the system', '$SYS.REQ.SERVER.PING'],
  ['of acknowledgements', '$JS.ACK.S.c.1.1.1.1.0'],
  ['with wildcards', 'a.*'],
  ['with a blank', 'a b'],
  ['that is a number', 5],
];
for (const [what, deliverSubject] of subjects) {
  options.push([
    `deliverSubject ${what}`,
    { push: { deliverSubject } },
    /^push\.deliverSubject must be a subject without/,
  ]);
}

/** Other invalid arguments of decorators, independent of a stream. */
export const decorators: [string, MethodDecorator, RegExp][] = [
  ['@JsConsumer(null)', consumer(null), /the options must be an object; it is null/],
  ['@JsConsumer()', consumer(), /the options must be an object; it is undefined/],
  ['@JsConsumer(5)', consumer(5), /the options must be an object; it is 5/],
  ['@JsConsumer([])', consumer([]), /the options must be an object; it is an empty array/],
  ['@JsConsumer(a function)', consumer(() => ({})), /the options must be an object; it is a function/],
  ['@JsConsumer(a proxy that throws)', consumer(unreadable), /its options cannot be created: do not read me/],
  [
    'useFactory returns null',
    consumer({ useFactory: () => null }),
    /the return value of useFactory must be an object; it is null/,
  ],
  [
    'useFactory returns text',
    consumer({ useFactory: () => 'S' }),
    /the return value of useFactory must be an object; it is "S"/,
  ],
  [
    'useFactory throws null',
    consumer({
      useFactory: async () => Promise.reject(null),
    }),
    /its options cannot be created: null/,
  ],
  [
    'useFactory rejects',
    consumer({ useFactory: async () => throwing() }),
    /its options cannot be created: do not read me/,
  ],
  [
    'useFactory returns a wrong codec',
    consumer({ useFactory: () => ({ stream: 'S', codec: {} }) }),
    /codec must be a codec/,
  ],
  ['useFactory is text', consumer({ useFactory: 'make' }), /useFactory must be a function; it is "make"/],
  [
    'inject is text',
    consumer({ inject: 'A', useFactory: () => ({}) }),
    /inject must be a list of injection tokens/,
  ],
  ['@KvWatch(null)', watch(null), /bucket must be a name.*; it is null/],
  ['@KvWatch(5)', watch(5), /bucket must be a name.*; it is 5/],
  ['@KvWatch() ', watch(), /bucket must be a name.*; it is undefined/],
  ['@KvWatch with null', watch('b', null), /the options must be an object; it is null/],
  ['@KvWatch with a proxy', watch('b', unreadable), /the options must be an object; it is an? \w+/],
  ['@KvWatch with a getter', watch('b', withThrowing('keys')), /keys cannot be read: do not read me/],
  ['@KvWatch keys', watch('b', { keys: 5 }), /keys must be a non-empty string; it is 5/],
  [
    '@KvWatch waitForInitialValues',
    watch('b', { waitForInitialValues: 'yes' }),
    /waitForInitialValues must be true or false/,
  ],
  ['@KvWatch metaOnly', watch('b', { metaOnly: 'yes' }), /metaOnly must be true or false/],
  [
    '@KvWatch useFactory returns null',
    watch({ useFactory: () => null }),
    /the return value of useFactory must be an object/,
  ],
  [
    '@KvWatch useFactory without a bucket',
    watch({ useFactory: () => ({}) }),
    /bucket must be a name.*; it is undefined/,
  ],
  ['@ObjectWatch(null)', objects(null), /bucket must be a name.*; it is null/],
  [
    '@ObjectWatch updatesOnly',
    objects('b', { updatesOnly: 1 }),
    /updatesOnly must be true or false; it is 1/,
  ],
  [
    '@ObjectWatch waitForInitialValues',
    objects('b', { waitForInitialValues: 1 }),
    /waitForInitialValues must be true or false; it is 1/,
  ],
  ['@NatsSubscribe(null)', subscribe(null), /subject must be a subject; it is null/],
  ['@NatsSubscribe queue', subscribe('s', { queue: 'a b' }), /queue must be a name without spaces/],
  ['@NatsSubscribe concurrency', subscribe('s', { concurrency: 5n }), /concurrency must be .*; it is 5n/],
  ['@OnDeadLetter(null)', letters(null), /the options must be an object; it is null/],
  ['@OnDeadLetter with a getter', letters(withThrowing('stream')), /stream cannot be read: do not read me/],
  ['@OnDeadLetter subject', letters({ subject: 5 }), /subject must be a subject; it is 5/],
  ['@OnDeadLetter reason', letters({ reason: 5 }), /reason must be a string; it is 5/],
  [
    '@OnDeadLetter deliverPolicy',
    letters({ deliverPolicy: 'last' }),
    /deliverPolicy must be one of "new", "all"/,
  ],
  ['@OnDeadLetter retry', letters({ retry: { backoff: [1e13] } }), /retry\.backoff\[0\] must be at most/],
  [
    '@OnJetStreamEvent of no type',
    events('reconected'),
    /the type of an event must be one of .*"disconnected"/,
  ],
];

/** Decorators with mistakes for a handler of the stream S. */
export const targets: [string, MethodDecorator, RegExp][] = [
  ...codecs.map(([what, value]): [string, MethodDecorator, RegExp] => [
    `@PublishTo codec: ${what}`,
    publishTo('out.x', { codec: value }),
    /@PublishTo: codec must be a codec/,
  ]),
  [
    '@PublishTo(null)',
    publishTo(null),
    /the argument of @PublishTo must be a subject or a function; it is null/,
  ],
  ['@PublishTo(5n)', publishTo(5n), /the argument of @PublishTo must be a subject or a function; it is 5n/],
  ['@PublishTo with null', publishTo('out.x', null), /@PublishTo: the options must be an object; it is null/],
  [
    '@PublishTo headers',
    publishTo('out.x', { headers: 5 }),
    /@PublishTo: headers must be an object of headers/,
  ],
  [
    '@PublishTo a header',
    publishTo('out.x', { headers: { 'a b': 'c' } }),
    /@PublishTo: headers must be an object/,
  ],
  [
    '@PublishTo a value',
    publishTo('out.x', { headers: { a: 'c\r\n' } }),
    /@PublishTo: headers must be an object/,
  ],
  ['@PublishTo connection', publishTo('out.x', { connection: 5 }), /@PublishTo: connection must be a string/],
];
