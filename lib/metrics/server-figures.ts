import { Logger } from '@nestjs/common';
import {
  ConsumerNotFoundError,
  NotAPullConsumerError,
  PermissionDeniedError,
  StreamNotFoundError,
} from '../errors/index.js';
import type { HandlerConnection } from '../handlers/index.js';
import type { CallOptions, ConsumerInfo, JetStreamService, StreamInfo } from '../jetstream/index.js';
import { errorText, heldBackText, ReportLimiter } from '../reporting/index.js';
import { within } from '../timing/index.js';
import type { UsedConsumer, UsedResources } from './used-resources.js';

/** How long the state of the server is used for further scrapes, in milliseconds. */
const FRESH = 5_000;
/** How long a scrape waits for the server, in milliseconds. */
const LONGEST_WAIT = 2_000;

/** The state of the streams and consumers of one connection. */
export interface ServerFigures {
  readonly connection: string;
  readonly streams: readonly StreamInfo[];
  readonly consumers: readonly (ConsumerInfo & Pick<StreamInfo, 'domain'>)[];
}

/** The application whose streams and consumers are read. */
export interface ServerFiguresSource {
  /** The connections on which this instance reads. */
  connections(): readonly HandlerConnection[];
  used(connection: HandlerConnection): UsedResources;
}

const NOTHING: readonly ServerFigures[] = [];

/**
 * Reads the state of streams and consumers from the server when the registry is scraped. All metrics of a scrape, and the
 * scrapes of the following seconds, share one reading. Streams and consumers that cannot be read are missing in the
 * scrape.
 */
export class ServerFiguresReader {
  private readonly logger = new Logger('JetStreamMetrics');
  private readonly limiter = new ReportLimiter();
  /** Streams and consumers that this user must not read. */
  private readonly refused = new Set<string>();
  private last: { readonly at: number; readonly figures: readonly ServerFigures[] } | undefined;
  private reading: Promise<void> | undefined;

  constructor(private readonly source: ServerFiguresSource) {}

  /** The present figures; none if the server does not answer in time. Never rejects. */
  async current(): Promise<readonly ServerFigures[]> {
    const connections = this.source.connections();
    const linked = connections.filter(({ jetstream }) => jetstream.connection.hasLink);
    const known = new Set(this.fresh.map(({ connection }) => connection));
    if (linked.some(({ name }) => !known.has(name))) {
      this.reading ??= this.refresh(linked).finally(() => (this.reading = undefined));
      // A reading that takes longer continues, for the next scrape.
      await within(LONGEST_WAIT, this.reading);
    }
    return this.fresh.filter((read) => connections.some(({ name }) => name === read.connection));
  }

  private get fresh(): readonly ServerFigures[] {
    return this.last !== undefined && performance.now() - this.last.at < FRESH ? this.last.figures : NOTHING;
  }

  private async refresh(linked: readonly HandlerConnection[]): Promise<void> {
    const figures = await Promise.all(linked.map((connection) => this.read(connection)));
    this.last = { at: performance.now(), figures };
  }

  private async read(connection: HandlerConnection): Promise<ServerFigures> {
    const { name, jetstream } = connection;
    const used = this.source.used(connection);
    const options = { timeout: LONGEST_WAIT };
    const [streams, consumers] = await Promise.all([
      this.all(name, used.streams, async (stream) => (await jetstream.stream(stream, options)).cachedInfo),
      this.all(name, used.consumers, (consumer) => consumerInfo(jetstream, consumer, options)),
    ]);
    const domains = new Map(streams.map(({ config, domain }) => [config.name, domain]));
    return {
      connection: name,
      streams,
      consumers: consumers.map((info) => ({ ...info, domain: domains.get(info.stream) })),
    };
  }

  private async all<Resource extends string | UsedConsumer, Info>(
    connection: string,
    resources: readonly Resource[],
    read: (resource: Resource) => Promise<Info>,
  ): Promise<Info[]> {
    const found = await Promise.all(
      resources.map(async (resource) => {
        const what = `${titleOf(resource)} (connection "${connection}")`;
        if (this.refused.has(what)) return [];
        try {
          return [await read(resource)];
        } catch (error) {
          this.report(what, error);
          return [];
        }
      }),
    );
    return found.flat();
  }

  private report(what: string, error: unknown): void {
    // It does not exist yet, or was deleted.
    if (error instanceof StreamNotFoundError || error instanceof ConsumerNotFoundError) return;
    const isRefused = error instanceof PermissionDeniedError;
    if (isRefused) this.refused.add(what);
    const heldBack = this.limiter.admit(isRefused ? what : '');
    if (heldBack === undefined) return;
    this.logger.warn(
      `${what} is missing in the metrics${isRefused ? ', also in later scrapes' : ''}: ` +
        `${errorText(error)}${heldBackText(heldBack)}`,
    );
  }
}

async function consumerInfo(
  jetstream: JetStreamService,
  { stream, name }: UsedConsumer,
  options: CallOptions,
): Promise<ConsumerInfo> {
  try {
    return (await jetstream.consumer(stream, name, options)).cachedInfo;
  } catch (error) {
    if (!(error instanceof NotAPullConsumerError)) throw error;
    return (await jetstream.pushConsumer(stream, name, options)).cachedInfo;
  }
}

function titleOf(resource: string | UsedConsumer): string {
  if (typeof resource === 'string') return `Stream "${resource}"`;
  return `Consumer "${resource.name}" of stream "${resource.stream}"`;
}
