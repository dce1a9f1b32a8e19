import { jsonCodec } from 'nestjs-nats-jetstream';

export const SECRET = 'correct-horse';

export const throwing = (): never => {
  throw new Error('do not read me');
};
export const withThrowing = (option: string): object =>
  Object.defineProperty({}, option, { get: throwing, enumerable: true });
export const unreadable = new Proxy(
  {},
  { ownKeys: throwing, get: throwing, has: throwing, getPrototypeOf: throwing },
);
const codecs: [string, unknown][] = [
  ['a name', 'json'],
  ['nothing in it', {}],
  ['null', null],
  ['a function', () => jsonCodec],
  ['no encode', { ...jsonCodec, encode: undefined }],
  ['no content type', { encode: jsonCodec.encode, decode: jsonCodec.decode }],
  ['a proxy that throws', unreadable],
];
const isCodec = 'is not a codec: an object with a contentType';

/** Invalid options of `forRoot`, with the path and the reason in the error. */
export const root: [string, object, string, string][] = [
  ...codecs.map(([what, codec]): [string, object, string, string] => [
    `codec: ${what}`,
    { codec },
    'codec',
    isCodec,
  ]),
  ...codecs.map(([what, codec]): [string, object, string, string] => [
    `codecs: ${what}`,
    { codecs: [jsonCodec, codec] },
    'codecs[1]',
    isCodec,
  ]),
  ['codecs: text', { codecs: 'x' }, 'codecs', '"x" is not a list of codecs'],
  ['codecs: a codec', { codecs: jsonCodec }, 'codecs', 'is not a list of codecs'],
  ['handlers: null', { handlers: null }, 'handlers', 'null is not an object'],
  ['handlers: a list', { handlers: [] }, 'handlers', 'an empty array is not an object'],
  [
    'handlers.consumers: null',
    { handlers: { consumers: null } },
    'handlers.consumers',
    'null is not an object',
  ],
  [
    'handlers.consumers: a list',
    { handlers: { consumers: [] } },
    'handlers.consumers',
    'an empty array is not an object',
  ],
  [
    'a consumer that is null',
    { handlers: { consumers: { billing: null } } },
    'handlers.consumers.billing',
    'null is not an object',
  ],
  [
    'a consumer with a wrong codec',
    { handlers: { consumers: { billing: { stream: 'S', codec: 'json' } } } },
    'handlers.consumers.billing.codec',
    isCodec,
  ],
  [
    'a default concurrency',
    { handlers: { concurrency: 5n } },
    'handlers.concurrency',
    '5n is not a whole number',
  ],
  [
    'a default backoff',
    { handlers: { retry: { backoff: [1e13] } } },
    'handlers.retry.backoff[0]',
    'at most 9223372036854',
  ],
  [
    'a default interceptor',
    { handlers: { settlement: {} } },
    'handlers.settlement',
    'is not an object with onStart',
  ],
  [
    'handlers.autoStart',
    { handlers: { autoStart: 'no' } },
    'handlers.autoStart',
    '"no" is not true or false',
  ],
  [
    'handlers.consumers with a wrong enabled',
    { handlers: { consumers: { billing: { stream: 'S', enabled: {} } } } },
    'handlers.consumers.billing.enabled',
    'an object is not true, false, or an object with a useFactory',
  ],
  ['bootSummary', { bootSummary: 'all' }, 'bootSummary', '"all" is not true, false or \'account\''],
  ['publish: null', { publish: null }, 'publish', 'null is not an object'],
  ['publish.onError', { publish: { onError: 5 } }, 'publish.onError', '5 is not a function'],
  ['publish.onAck', { publish: { onAck: {} } }, 'publish.onAck', 'an object is not a function'],
  [
    'publish.idempotent',
    { publish: { idempotent: 'yes' } },
    'publish.idempotent',
    '"yes" is not true or false',
  ],
  [
    'publish.timeout',
    { publish: { timeout: Number.NaN } },
    'publish.timeout',
    'NaN is not a number of milliseconds',
  ],
  ['publish.retry', { publish: { retry: 3 } }, 'publish.retry', '3 is not an object'],
  ['jetstream: null', { jetstream: null }, 'jetstream', 'null is not an object'],
  ['jetstream.domain', { jetstream: { domain: 5 } }, 'jetstream.domain', '5 is not a string'],
  [
    'jetstream.timeout',
    { jetstream: { timeout: '5' } },
    'jetstream.timeout',
    '"5" is not a number of milliseconds',
  ],
  [
    'shutdownTimeout: NaN',
    { shutdownTimeout: Number.NaN },
    'shutdownTimeout',
    'NaN is not a number of milliseconds',
  ],
  [
    'shutdownTimeout: a bigint',
    { shutdownTimeout: 5n },
    'shutdownTimeout',
    '5n is not a number of milliseconds',
  ],
  ['bootTimeout: null', { bootTimeout: null }, 'bootTimeout', 'null is not a number of milliseconds'],
  [
    'provisioning: a symbol',
    { provisioning: Symbol('ensure') },
    'provisioning',
    'Symbol(ensure) is not one of',
  ],
  ['an option that cannot be read', withThrowing('codec'), 'codec', 'it cannot be read: do not read me'],
];

const wanted = 'is not the options of the client, such as { servers: "localhost:4222" }, or a NatsConnection';
/** Invalid values of `connection`. None of them may be shown, because it may contain credentials. */
const connections: [string, unknown, string, string][] = [
  ['an address', `nats://user:${SECRET}@localhost`, 'connection', `a string ${wanted}`],
  ['null', null, 'connection', `null ${wanted}`],
  ['a list', ['localhost'], 'connection', `an array ${wanted}`],
  ['a function', () => ({}), 'connection', `a function ${wanted}`],
  ['half a connection', { publish: () => undefined }, 'connection', wanted],
  ['a promise', Promise.resolve({}), 'connection', ''],
  ['a proxy that throws', unreadable, 'connection', ''],
  [
    'servers: []',
    { servers: [] },
    'connection.servers',
    'is not the address of a server, or a list of at least one',
  ],
  ['servers: 5', { servers: 5 }, 'connection.servers', 'a number is not the address of a server'],
  ['servers: empty', { servers: '' }, 'connection.servers', 'an empty string is not the address of a server'],
  ['servers: null', { servers: null }, 'connection.servers', 'null is not the address of a server'],
  [
    'servers: a number in it',
    { servers: ['localhost', 5] },
    'connection.servers',
    'an array is not the address',
  ],
  ['servers: that cannot be read', withThrowing('servers'), 'connection.servers', 'it cannot be read'],
  ['user: a number', { user: 5 }, 'connection.user', 'a number is not a string'],
  ['pass: a list', { user: 'me', pass: [SECRET] }, 'connection.pass', 'an array is not a string'],
  ['token: an object', { token: { secret: SECRET } }, 'connection.token', 'an object is not a string'],
  [
    'authenticator: a token',
    { authenticator: SECRET },
    'connection.authenticator',
    'a string is not an authenticator',
  ],
  [
    'authenticator: none in a list',
    { authenticator: [] },
    'connection.authenticator',
    'is not an authenticator',
  ],
  [
    'reconnectDelayHandler: 5',
    { reconnectDelayHandler: 5 },
    'connection.reconnectDelayHandler',
    '5 is not a function',
  ],
  [
    'waitOnFirstConnect: text',
    { waitOnFirstConnect: 'no' },
    'connection.waitOnFirstConnect',
    'is not true or false',
  ],
  [
    'maxReconnectAttempts: NaN',
    { maxReconnectAttempts: Number.NaN },
    'connection.maxReconnectAttempts',
    'NaN is not a number',
  ],
  ['tls: true', { tls: true }, 'connection.tls', 'true is not an object'],
  ['tls.ca: a number', { tls: { ca: 5 } }, 'connection.tls.ca', 'a number is not PEM text'],
];
root.push(
  ...connections.map(([what, connection, path, reason]): [string, object, string, string] => [
    `connection: ${what}`,
    { connection },
    path,
    reason,
  ]),
);

export const feature: [string, unknown, string, string][] = [
  [
    'replicas',
    { streams: [{ name: 'A', replicas: 9 }] },
    'streams[0].replicas',
    '9 is not a whole number from 0 to 5',
  ],
  [
    'a subject that is a number',
    { streams: [{ name: 'A', subjects: ['a', 5] }] },
    'streams[0].subjects[1]',
    '5 is not a string',
  ],
  ['null', null, 'options of JetStreamModule.forFeature', 'null is not an object'],
  ['text', 'ORDERS', 'options of JetStreamModule.forFeature', '"ORDERS" is not an object'],
  ['a proxy that throws', unreadable, 'options of JetStreamModule.forFeature', 'is not an object'],
  ['streams: 5', { streams: 5 }, 'streams', '5 is not a list of streams'],
  ['streams: a name', { streams: ['ORDERS'] }, 'streams[0]', '"ORDERS" is not an object'],
  ['streams: null in it', { streams: [null] }, 'streams[0]', 'null is not an object'],
  ['streams: no name', { streams: [{}] }, 'streams[0].name', 'undefined is not a non-empty string'],
  [
    'streams: subjects',
    { streams: [{ name: 'A', subjects: 'a' }] },
    'streams[0].subjects',
    '"a" is not a list of strings',
  ],
  [
    'streams: maxAge',
    { streams: [{ name: 'A', maxAge: 1e13 }] },
    'streams[0].maxAge',
    'at most 9223372036854',
  ],
  [
    'streams: a bigint',
    { streams: [{ name: 'A', maxMessages: 5n }] },
    'streams[0].maxMessages',
    '5n is not a whole number',
  ],
  [
    'streams: sources',
    { streams: [{ name: 'A', sources: 5 }] },
    'streams[0].sources',
    '5 is not a list of sources',
  ],
  [
    'streams: subjectPolicy',
    { streams: [{ name: 'A', subjectPolicy: 'add' }] },
    'streams[0].subjectPolicy',
    '"add" is not one of "exact", "merge"',
  ],
  [
    'keyValues: provisioning',
    { keyValues: [{ bucket: 'a', provisioning: 'bind' }] },
    'keyValues[0].provisioning',
    '"bind" is not one of "ensure", "assert", "off"',
  ],
  ['streams: mirror', { streams: [{ name: 'A', mirror: 'B' }] }, 'streams[0].mirror', '"B" is not an object'],
  [
    'streams: storage',
    { streams: [{ name: 'A', storage: 'disk' }] },
    'streams[0].storage',
    '"disk" is not one of',
  ],
  ['streams: a getter', { streams: [withThrowing('name')] }, 'streams[0].name', 'it cannot be read'],
  ['keyValues: null in it', { keyValues: [null] }, 'keyValues[0]', 'null is not an object'],
  [
    'keyValues: history',
    { keyValues: [{ bucket: 'b', history: '5' }] },
    'keyValues[0].history',
    '"5" is not a whole number',
  ],
  ['objectStores: a name', { objectStores: 'b' }, 'objectStores', '"b" is not a list of buckets'],
  ['connection: 5', { connection: 5 }, 'connection', '5 is not a string'],
  ...codecs.map(([what, codec]): [string, unknown, string, string] => [
    `a stream with the codec ${what}`,
    { streams: [{ name: 'A', codec }] },
    'streams[0].codec',
    isCodec,
  ]),
  ...codecs.map(([what, codec]): [string, unknown, string, string] => [
    `a bucket with the codec ${what}`,
    { keyValues: [{ bucket: 'b', codec }] },
    'keyValues[0].codec',
    isCodec,
  ]),
];
