import { type CallOptions, type JetStreamApi, waitOf } from './api/index.js';

/** The JetStream usage of an account. Sizes in bytes. */
export interface AccountUsage {
  /** The size of its memory streams. */
  readonly memory: number;
  /** The size of its file streams. */
  readonly storage: number;
  readonly reservedMemory: number;
  readonly reservedStorage: number;
  readonly streams: number;
  readonly consumers: number;
  readonly limits: AccountLimits;
}

/** The JetStream limits of an account; -1 for no limit. Sizes in bytes. */
export interface AccountLimits {
  readonly maxMemory: number;
  readonly maxStorage: number;
  readonly maxStreams: number;
  readonly maxConsumers: number;
  readonly maxAckPending: number;
  readonly memoryMaxStreamBytes: number;
  readonly storageMaxStreamBytes: number;
  /** Whether each stream must set `maxBytes`. */
  readonly maxBytesRequired: boolean;
}

/** The usage and limits of an account, in total and by replication tier. */
export interface AccountInfo extends AccountUsage {
  /** The JetStream domain, if there is one. */
  readonly domain?: string | undefined;
  readonly api: {
    /** The level of the server's JetStream API; 0 before nats-server 2.11. */
    readonly level: number;
    /** The number of requests of the account. */
    readonly total: number;
    /** The number of failed requests. */
    readonly errors: number;
  };
  /** By tier, such as `R3`, if the account has tiers. */
  readonly tiers: Readonly<Record<string, AccountUsage>>;
}

/** Asks the server about the account of the connection. */
export async function accountInfo(api: JetStreamApi, options: CallOptions): Promise<AccountInfo> {
  const wire = await api.call<WireAccountInfo>('INFO', undefined, waitOf(options));
  const tiers = Object.entries(wire.tiers ?? {}).map(([tier, usage]) => [tier, decodeUsage(usage)] as const);
  return {
    ...decodeUsage(wire),
    domain: wire.domain,
    api: { level: wire.api.level ?? 0, total: wire.api.total, errors: wire.api.errors },
    tiers: Object.fromEntries<AccountUsage>(tiers),
  };
}

interface WireUsage {
  readonly memory: number;
  readonly storage: number;
  readonly reserved_memory?: number;
  readonly reserved_storage?: number;
  readonly streams: number;
  readonly consumers: number;
  readonly limits: {
    readonly max_memory: number;
    readonly max_storage: number;
    readonly max_streams: number;
    readonly max_consumers: number;
    readonly max_ack_pending: number;
    readonly memory_max_stream_bytes: number;
    readonly storage_max_stream_bytes: number;
    readonly max_bytes_required: boolean;
  };
}

interface WireAccountInfo extends WireUsage {
  readonly domain?: string;
  readonly api: { readonly level?: number; readonly total: number; readonly errors: number };
  readonly tiers?: Readonly<Record<string, WireUsage>>;
}

function decodeUsage({ limits, ...usage }: WireUsage): AccountUsage {
  return {
    memory: usage.memory,
    storage: usage.storage,
    reservedMemory: reserved(usage.reserved_memory),
    reservedStorage: reserved(usage.reserved_storage),
    streams: usage.streams,
    consumers: usage.consumers,
    limits: {
      maxMemory: limits.max_memory,
      maxStorage: limits.max_storage,
      maxStreams: limits.max_streams,
      maxConsumers: limits.max_consumers,
      maxAckPending: limits.max_ack_pending,
      memoryMaxStreamBytes: limits.memory_max_stream_bytes,
      storageMaxStreamBytes: limits.storage_max_stream_bytes,
      maxBytesRequired: limits.max_bytes_required,
    },
  };
}

/** nats-server 2.10 can report a negative number here as a large unsigned one. */
function reserved(bytes = 0): number {
  return bytes > Number.MAX_SAFE_INTEGER ? 0 : bytes;
}
