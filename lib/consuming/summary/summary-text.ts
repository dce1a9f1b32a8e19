import type { AccountInfo, AccountUsage, DeclaredResource } from '../../jetstream/index.js';
import { counted } from '../../reporting/index.js';
import type { BootSummary, SummaryHandler } from './boot-summary.js';

const TITLES: Readonly<Record<DeclaredResource['kind'], string>> = {
  stream: 'streams',
  'key-value': 'Key-Value buckets',
  'object-store': 'Object Store buckets',
};
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;
/** The account has no limit of this size. */
const NO_LIMIT = -1;

/** The summary as a block of text for the log. */
export function summaryText({ connection, server, wire, resources, handlers, account }: BootSummary): string {
  const name = server?.cluster === undefined ? server?.name : `${server.name} of cluster ${server.cluster}`;
  const where = server
    ? `nats-server ${server.version} (${name}) at ${server.address ?? 'an unknown address'}, ${wire} wire`
    : 'no server';
  const kinds = Object.keys(TITLES) as DeclaredResource['kind'][];
  const lines = kinds.flatMap((kind) => {
    const own = resources.filter((each) => each.kind === kind);
    const list = own.map((each) => `${each.name} (${each.outcome})`).join(', ');
    return own.length === 0 ? [] : [`${TITLES[kind]}: ${list}`];
  });
  lines.push(handlers.length === 0 ? 'handlers: none' : 'handlers:');
  lines.push(...handlers.map((handler) => `  ${handler.handler}: ${handlerText(handler)}`));
  if (account !== undefined) lines.push(...accountLines(account));
  return [`Connection "${connection}": ${where}`, ...lines.map((line) => `  ${line}`)].join('\n');
}

/** The limits of the account that are reached or exceeded, each as a sentence. */
export function limitWarnings({ connection, account }: BootSummary): readonly string[] {
  if (account === undefined) return [];
  return usages(account).flatMap(([tier, usage]) =>
    sizes(usage).flatMap(({ kind, used, reserved, limit }) => {
      if (limit === NO_LIMIT || Math.max(used, reserved) < limit) return [];
      const most = reserved >= used ? `${bytes(reserved)} are reserved` : `${bytes(used)} are used`;
      return [
        `Connection "${connection}": the account's ${kind} limit${tier} of ${bytes(limit)} is reached: ${most}. Streams can no longer ` +
          'store messages or be created; raise the limit, or lower maxBytes of streams.',
      ];
    }),
  );
}

function handlerText(handler: SummaryHandler): string {
  const { schedule, kind, source, consumer = '', delivery, concurrency, lag, notStarted } = handler;
  const parts = [...(schedule === undefined ? [] : [`schedule ${schedule}`]), sourceText(kind, source)];
  if (notStarted !== undefined) return `${parts.join(', ')}, not started (${notStarted})`;
  if (kind === 'consumer') parts.push(`${delivery} consumer ${consumer}`);
  if (concurrency !== undefined) parts.push(`concurrency ${concurrency}`);
  if (lag !== undefined) parts.push(`${counted(lag, 'message')} waiting`);
  return parts.join(', ');
}

function sourceText(kind: SummaryHandler['kind'], source: string): string {
  switch (kind) {
    case 'consumer':
      return `stream ${source}`;
    case 'kv-watch':
      return `Key-Value bucket ${source}`;
    case 'object-watch':
      return `Object Store bucket ${source}`;
    case 'subscription':
      return `subject ${source}`;
  }
}

function accountLines(account: AccountInfo): readonly string[] {
  return usages(account).flatMap(([tier, usage]) =>
    sizes(usage)
      .filter(({ used, reserved, limit }) => used + reserved > 0 || limit !== NO_LIMIT)
      .map(({ kind, used, reserved, limit }) => {
        const of = limit === NO_LIMIT ? 'no limit' : `limit ${bytes(limit)}`;
        return `${kind}${tier}: ${bytes(used)} used, ${bytes(reserved)} reserved, ${of}`;
      }),
  );
}

/** The usages to show: those of the tiers, if the account has any. */
function usages({ tiers, ...total }: AccountInfo): readonly (readonly [tier: string, usage: AccountUsage])[] {
  const named = Object.entries(tiers).map(([tier, usage]) => [` of tier ${tier}`, usage] as const);
  return named.length > 0 ? named : [['', total]];
}

interface Size {
  readonly kind: 'storage' | 'memory';
  readonly used: number;
  readonly reserved: number;
  readonly limit: number;
}

function sizes(usage: AccountUsage): readonly Size[] {
  return [
    {
      kind: 'storage',
      used: usage.storage,
      reserved: usage.reservedStorage,
      limit: usage.limits.maxStorage,
    },
    { kind: 'memory', used: usage.memory, reserved: usage.reservedMemory, limit: usage.limits.maxMemory },
  ];
}

/** A size in the largest unit in which it is at least 1, with at most one decimal. */
function bytes(size: number): string {
  const unit = size < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(size) / 10));
  return `${Math.round((size / 1_024 ** unit) * 10) / 10} ${UNITS[unit]}`;
}
