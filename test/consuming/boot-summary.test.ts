import type { AccountInfo, AccountUsage, BootSummary } from 'nestjs-nats-jetstream';
import { expect, it } from 'vitest';
import { limitWarnings, summaryText } from '../../lib/consuming/index.js';

const MIB = 1_048_576;

function usage(changes: Partial<AccountUsage>, maxStorage = -1, maxMemory = -1): AccountUsage {
  return {
    memory: 0,
    storage: 0,
    reservedMemory: 0,
    reservedStorage: 0,
    streams: 0,
    consumers: 0,
    limits: {
      maxMemory,
      maxStorage,
      maxStreams: -1,
      maxConsumers: -1,
      maxAckPending: -1,
      memoryMaxStreamBytes: -1,
      storageMaxStreamBytes: -1,
      maxBytesRequired: false,
    },
    ...changes,
  };
}

function account(total: AccountUsage, tiers: AccountInfo['tiers'] = {}): AccountInfo {
  return { ...total, api: { level: 0, total: 0, errors: 0 }, tiers };
}

const summary: BootSummary = {
  connection: 'default',
  server: { name: 'n1', version: '2.12.1', cluster: 'eu', address: '10.0.0.1:4222' },
  wire: 'direct',
  resources: [
    { kind: 'object-store', name: 'files', outcome: 'used' },
    { kind: 'stream', name: 'ORDERS', outcome: 'created' },
    { kind: 'stream', name: 'AUDIT', outcome: 'unchanged' },
    { kind: 'key-value', name: 'stock', outcome: 'updated' },
  ],
  handlers: [
    {
      handler: 'Billing.onOrder',
      kind: 'consumer',
      source: 'ORDERS',
      consumer: 'billing',
      delivery: 'pull',
      concurrency: 8,
      lag: 1,
    },
    {
      handler: 'Audit',
      kind: 'consumer',
      source: 'AUDIT',
      consumer: 'a1',
      delivery: 'ordered',
      concurrency: 1,
    },
    { handler: 'Stock.on', kind: 'kv-watch', source: 'stock' },
    { handler: 'Files.on', kind: 'object-watch', source: 'files' },
    { handler: 'Notes.on', kind: 'subscription', source: 'notes.*', concurrency: 4 },
    {
      handler: 'Later.on',
      kind: 'consumer',
      source: 'ORDERS',
      consumer: '',
      delivery: 'pull',
      notStarted: 'autoStart',
    },
  ],
  account: account(usage({ storage: 1_536, reservedStorage: 2.5 * MIB }, 10_240 * MIB)),
};

it('is one block with the connection, resources, handlers and the account', () => {
  expect(summaryText(summary)).toBe(
    `
Connection "default": nats-server 2.12.1 (n1 of cluster eu) at 10.0.0.1:4222, direct wire
  streams: ORDERS (created), AUDIT (unchanged)
  Key-Value buckets: stock (updated)
  Object Store buckets: files (used)
  handlers:
    Billing.onOrder: stream ORDERS, pull consumer billing, concurrency 8, 1 message waiting
    Audit: stream AUDIT, ordered consumer a1, concurrency 1
    Stock.on: Key-Value bucket stock
    Files.on: Object Store bucket files
    Notes.on: subject notes.*, concurrency 4
    Later.on: stream ORDERS, not started (autoStart)
  storage: 1.5 KiB used, 2.5 MiB reserved, limit 10 GiB
`.trim(),
  );
});

it('omits what an application does not have', () => {
  expect(
    summaryText({ connection: 'b', server: undefined, wire: 'client', resources: [], handlers: [] }),
  ).toBe('Connection "b": no server\n  handlers: none');
});

it('shows the tiers of an account instead of its total', () => {
  const tiered = account(usage({ storage: 9 * MIB }), {
    R1: usage({ storage: MIB }, 2 * MIB),
    R3: usage({ storage: 8 * MIB, memory: 100 }, -1),
  });
  expect(
    summaryText({ ...summary, resources: [], handlers: [], account: tiered })
      .split('\n')
      .slice(2),
  ).toEqual([
    '  storage of tier R1: 1 MiB used, 0 B reserved, limit 2 MiB',
    '  storage of tier R3: 8 MiB used, 0 B reserved, no limit',
    '  memory of tier R3: 100 B used, 0 B reserved, no limit',
  ]);
});

it.each([
  ['no account', undefined, []],
  ['no limit', account(usage({ storage: 1e15, reservedStorage: 1e15 })), []],
  ['below the limit', account(usage({ storage: MIB - 1 }, MIB)), []],
  [
    'used up',
    account(usage({ storage: MIB }, MIB)),
    ["the account's storage limit of 1 MiB is reached: 1 MiB are used."],
  ],
  [
    'reserved more',
    account(usage({ storage: 1, reservedStorage: 3 * MIB }, 2 * MIB)),
    ["the account's storage limit of 2 MiB is reached: 3 MiB are reserved."],
  ],
  [
    'memory of a tier',
    account(usage({}), { R3: usage({ memory: 2_048 }, -1, 1_024) }),
    ["the account's memory limit of tier R3 of 1 KiB is reached: 2 KiB are used."],
  ],
])('warns of limits: %s', (_, info, expected) => {
  const warnings = limitWarnings({ ...summary, account: info });
  expect(warnings).toHaveLength(expected.length);
  expected.forEach((text, i) => expect(warnings[i]).toContain(`Connection "default": ${text}`));
});
