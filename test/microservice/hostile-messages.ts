import { Buffer } from 'node:buffer';

/** A message that a hostile peer can send. The server rejects some of them; the library must survive the others. */
export interface HostileMessage {
  readonly name: string;
  /** Default: a JSON text. */
  readonly payload?: Buffer | string;
  /** The block of headers as bytes, with the version line and the empty line at the end. */
  readonly headers?: Buffer | string;
  readonly reply?: Buffer | string;
}

const deep = (n: number, open = '[', close = ']', inner = ''): string =>
  open.repeat(n) + inner + close.repeat(n);
const block = (...lines: string[]): string => ['NATS/1.0', ...lines, '', ''].join('\r\n');
const bytes = (...parts: (string | number[])[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))));

/** Packets of Nest's transports, and payloads that resemble them. */
const payloads: readonly HostileMessage[] = [
  ['nothing', ''],
  ['half of a packet', '{"pattern":'],
  ['null', 'null'],
  ['a list', '[{"pattern":"x","id":"1"}]'],
  ['nested lists', deep(100_000)],
  ['nested objects', deep(50_000, '{"a":', '}', '1')],
  ['a nested pattern', `{"pattern":${deep(20_000, '{"a":', '}', '1')},"data":1}`],
  ['a nested pattern with an id', `{"pattern":${deep(20_000, '{"a":', '}', '1')},"data":1,"id":"1"}`],
  ['a long pattern', `{"pattern":"${'x'.repeat(200_000)}","data":1}`],
  ['the pattern of another handler', '{"pattern":"other.secret","data":"evil","id":"1"}'],
  ['a pattern with line ends', '{"pattern":"a\\r\\nPUB x 0","data":1,"id":"1"}'],
  ['an id that is an object', '{"pattern":"x","data":1,"id":{"startsWith":1,"length":1}}'],
  ['an id that is a list', '{"pattern":"x","data":1,"id":["js.1"]}'],
  ['an id that is a negative number', '{"pattern":"x","data":1,"id":-1}'],
  ['an id that is true', '{"pattern":"x","data":1,"id":true}'],
  ['an empty id', '{"pattern":"x","data":1,"id":""}'],
  ['an id with control characters', '{"pattern":"x","data":1,"id":"js.\\u0000\\r\\n\\u001b[31m"}'],
  ['a huge id', `{"pattern":"x","data":1,"id":"${'9'.repeat(200_000)}"}`],
  ['the id of a prototype', '{"pattern":"x","data":1,"id":"__proto__"}'],
  ['the id of a constructor', '{"pattern":"x","data":1,"id":"constructor"}'],
  ['a prototype', '{"__proto__":{"id":"js.1","pattern":"x","isAdmin":true},"data":1}'],
  ['a constructor', '{"constructor":{"prototype":{"isAdmin":true}},"data":1,"id":"1"}'],
  [
    'data that is a prototype',
    '{"pattern":"x","id":"1","data":{"__proto__":{"isAdmin":true},"toString":1,"then":1}}',
  ],
  [
    'data that resembles an observable',
    '{"pattern":"x","id":"1","data":{"subscribe":{},"pipe":{},"then":{}}}',
  ],
  ['an answer', '{"id":"js.1","response":1,"isDisposed":true}'],
  ['a notice', '{"id":"js.1","isDisposed":false}'],
  ['an error', '{"id":"js.1","err":{"message":"x"},"isDisposed":true}'],
  ['the acknowledgement of a stream', '{"stream":"KEEP","seq":1}'],
  ['metadata that is nested', `{"pattern":"x","data":1,"id":"1","metadata":${deep(20_000)}}`],
  ['numbers out of range', '{"data":[1e999,-1e999,1e-999,-0,123456789012345678901234567890]}'],
  ['NaN', 'NaN'],
  ['lone surrogates', '"\\ud800 \\udfff"'],
  ['a byte order mark', bytes([0xef, 0xbb, 0xbf], '1')],
  ['bytes that are not text', bytes([0, 255, 254, 0xc0, 0x80, 0xed, 0xa0, 0x80])],
  ['blanks', ' '.repeat(200_000)],
  ['commands of the protocol', '+OK\r\nPUB $JS.API.STREAM.DELETE.KEEP 0\r\n\r\n'],
  ['a command of the acknowledgement protocol', '+TERM'],
].map(([name, payload]) => ({ name: `a payload that is ${String(name)}`, payload: payload as string }));

/** Blocks of headers: those of the server, those of this library, and invalid ones. */
const headers: readonly HostileMessage[] = [
  ['the status 100', 'NATS/1.0 100 Idle Heartbeat\r\n\r\n'],
  ['the status 100 of flow control', 'NATS/1.0 100 FlowControl Request\r\n\r\n'],
  [
    'a stalled consumer',
    'NATS/1.0 100 Idle Heartbeat\r\nNats-Consumer-Stalled: $JS.API.STREAM.DELETE.KEEP\r\n\r\n',
  ],
  ['the status 404', 'NATS/1.0 404 No Messages\r\n\r\n'],
  [
    'the status 408',
    'NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: NaN\r\nNats-Pending-Bytes: -1\r\n\r\n',
  ],
  ['the status 409', 'NATS/1.0 409 Consumer Deleted\r\n\r\n'],
  ['the status 503', 'NATS/1.0 503\r\n\r\n'],
  ['a status that is not a number', 'NATS/1.0 abc\r\n\r\n'],
  ['a status that is too large', 'NATS/1.0 99999999999999999999\r\n\r\n'],
  ['another version', 'NATS/9.9\r\nA: 1\r\n\r\n'],
  ['another protocol', 'HTTP/1.1 200 OK\r\n\r\n'],
  ['no version', '\r\n\r\n'],
  ['no end', 'NATS/1.0\r\nA: 1'],
  ['values that are not text', bytes('NATS/1.0\r\nA: ', [0xff, 0xfe, 0xc0], '\r\n\r\n')],
  ['names that are not text', bytes('NATS/1.0\r\n', [0xff, 0xfe], ': 1\r\n\r\n')],
  ['null characters', bytes('NATS/1.0\r\nA', [0], ': ', [0, 27], '\r\n\r\n')],
  ['a lone line feed', 'NATS/1.0\r\nA: 1\nB: 2\r\n\r\n'],
  ['a lone carriage return', 'NATS/1.0\r\nA: 1\rB: 2\r\n\r\n'],
  ['lines without a colon', 'NATS/1.0\r\nAAAA\r\n:\r\n: x\r\n\r\n'],
  ['empty lines', 'NATS/1.0\r\n\r\n\r\n\r\nA: 1\r\n\r\n'],
  ['20,000 lines', `NATS/1.0\r\n${'A: 1\r\n'.repeat(20_000)}\r\n`],
  ['20,000 names', block(...Array.from({ length: 20_000 }, (_, i) => `A${i}: 1`))],
  ['a value of 500 kB', block(`A: ${'x'.repeat(200_000)}`)],
  ['names of prototypes', block('__proto__: 1', 'constructor: 2', 'toString: 3', 'hasOwnProperty: 4')],
  ['a time to live that is negative', block('Nats-TTL: -1')],
  ['an invalid time to live', block('Nats-TTL: abc')],
  ['a schedule', block('Nats-Schedule: @at 2020-01-01T00:00:00Z', 'Nats-Schedule-Target: keep')],
  ['a schedule of the server', block('Nats-Schedule-Next: purge', 'Nats-Scheduler: keep')],
  ['a rollup', block('Nats-Rollup: all')],
  ['expectations', block('Nats-Expected-Stream: X', 'Nats-Expected-Last-Sequence: NaN')],
  ['a batch', block('Nats-Batch-Id: x', 'Nats-Batch-Sequence: -1', 'Nats-Batch-Commit: 1')],
  ['a counter', block('Nats-Incr: 9e99')],
  ['a long message id', block(`Nats-Msg-Id: ${'x'.repeat(60_000)}`)],
  [
    'headers of streams',
    block('Nats-Stream: KEEP', 'Nats-Subject: x', 'Nats-Sequence: NaN', 'Nats-Time-Stamp: never'),
  ],
  ['deleted keys', block('KV-Operation: PURGE', 'Nats-Marker-Reason: MaxAge')],
  ['another content type', block('Content-Type: application/msgpack')],
  ['content types of prototypes', block('Content-Type: __proto__', 'content-type: constructor')],
  ['a long content type', block(`Content-Type: ${'x/'.repeat(5_000)}`)],
  ['a reply elsewhere', block('Request-Reply-To: $JS.API.STREAM.DELETE.KEEP', 'Request-Timeout: Infinity')],
  ['a reply to wildcards', block('Request-Reply-To: >', 'Request-Timeout: -1')],
  ['a reply to a system subject', block('Request-Reply-To: $SYS.REQ.SERVER.PING')],
  ['a reply to a long subject', block(`Request-Reply-To: _INBOX.${'x'.repeat(10_000)}`)],
  ['a reply to empty tokens', block('Request-Reply-To: a..b')],
  ['a reply to itself', block('Request-Reply-To: store.request', 'Request-Timeout: 100')],
  ['service errors', block('Nats-Service-Error: x', 'Nats-Service-Error-Code: NaN')],
  [
    'headers of dead letters',
    block('Dead-Letter-Stream: KEEP', 'Dead-Letter-Sequence: -1', 'Dead-Letter-Raw-Headers: ####'),
  ],
  ['the replay of a dead letter', block('Dead-Letter-Replay: x', 'Dead-Letter-Handler: Workers.work')],
  ['trace context', block('traceparent: 00-zz-zz-zz', `tracestate: ${'a=b,'.repeat(1_000)}`)],
].map(([name, text]) => ({ name: `headers that are ${String(name)}`, headers: text as string }));

/** Reply subjects. Answers are published with the permissions of the service. */
const replies: readonly HostileMessage[] = [
  ['the JetStream API', '$JS.API.STREAM.DELETE.KEEP'],
  ['the JetStream API of a domain', '$JS.hub.API.STREAM.DELETE.KEEP'],
  ['the system account', '$SYS.REQ.SERVER.PING'],
  ['a key of a bucket', '$KV.keep.key'],
  ['a chunk of an object', '$O.keep.C.x'],
  ['discovery', '$SRV.PING'],
  ['an acknowledgement', '$JS.ACK.KEEP.keeper.1.1.1.1700000000000000000.0'],
  ['an acknowledgement of the handler', '$JS.ACK.STORE.push.1.99999999.99999999.1700000000000000000.0'],
  [
    'an acknowledgement with huge numbers',
    `$JS.ACK.STORE.push.${'9'.repeat(400)}.${'9'.repeat(400)}.1.${'9'.repeat(300)}.9`,
  ],
  ['an acknowledgement with zeros', '$JS.ACK.STORE.push.0.0.0.0.0'],
  ['an acknowledgement with a negative number', '$JS.ACK.STORE.push.-1.1.1.1.1'],
  ['an acknowledgement with words', '$JS.ACK.STORE.push.NaN.Infinity.1.1e9.0x10'],
  ['an acknowledgement that is short', '$JS.ACK.STORE.push.1'],
  ['an acknowledgement that is long', `$JS.ACK.STORE.push.1.1.1.1.1.${'x'.repeat(1_000)}`],
  ['an acknowledgement of empty names', '$JS.ACK...1.1.1.1.1'],
  ['flow control', '$JS.FC.KEEP.keeper.x'],
  ['all subjects', '>'],
  ['a wildcard', 'answers.*'],
  ['empty tokens', 'a..b'],
  ['a dot at the end', 'answers.'],
  ['a long inbox', `_INBOX.${'x'.repeat(3_900)}`],
  ['an inbox that is too long', `_INBOX.${'x'.repeat(10_000)}`],
  ['control characters', bytes('answers.', [1, 27, 127])],
  ['bytes that are not text', bytes('answers.', [0xff, 0xfe])],
  ['a null character', bytes('answers', [0])],
  ['the subject itself', 'svc.request'],
  ['a stream', 'store.event'],
].flatMap(([name, reply]) => [
  { name: `a reply subject that is ${String(name)}`, reply: reply as string },
  {
    name: `a reply subject that is ${String(name)}, in a packet`,
    payload: '{"pattern":"x","data":"evil","id":"js.1"}',
    reply: reply as string,
  },
]);

/** All messages. */
const combinations: readonly HostileMessage[] = [
  {
    name: 'flow control that the JetStream API is to answer',
    headers: 'NATS/1.0 100 FlowControl Request\r\n\r\n',
    payload: '',
    reply: '$JS.API.STREAM.DELETE.KEEP',
  },
  {
    name: 'flow control of another consumer',
    headers: 'NATS/1.0 100 FlowControl Request\r\n\r\n',
    payload: '',
    reply: '$JS.FC.KEEP.keeper.x',
  },
  { name: 'a status with an inbox', headers: 'NATS/1.0 503\r\n\r\n', payload: '', reply: '_INBOX.x' },
  {
    name: 'a deleted consumer with an acknowledgement',
    headers: 'NATS/1.0 409 Consumer Deleted\r\n\r\n',
    payload: '',
    reply: '$JS.ACK.STORE.push.1.1.1.1700000000000000000.0',
  },
];

export const HOSTILE_MESSAGES = [...payloads, ...headers, ...replies, ...combinations];
