import { InvalidApiResponseError, StreamNotFoundError } from '../../errors/index.js';
import { checkObject, optionsCheck } from '../../validation/index.js';
import {
  CALL_OPTIONS,
  type CallOptions,
  inSteps,
  type JetStreamApi,
  type ListPage,
  listPage,
  validateFilter,
  validateStreamName,
  waitOf,
  type WireListPage,
} from '../api/index.js';
import { streamInfo } from './stream-api.js';
import type { StreamConfig } from './stream-config.js';
import { encodeStreamConfig } from './stream-config.wire.js';
import { decodeStreamInfo, type StreamInfo, type WireStreamInfo } from './stream-info.js';
import { Stream } from './stream.js';

/** Selects the streams to list. */
export interface StreamListOptions extends CallOptions {
  /** Only streams that listen on this subject, or on a subject that it matches. */
  readonly subject?: string | undefined;
}

const checkListOptions = optionsCheck<StreamListOptions>('listStreams', {
  ...CALL_OPTIONS,
  subject: true,
});

/** Implements the stream operations of `JetStreamService`. */
export class Streams {
  constructor(private readonly api: JetStreamApi) {}

  async put(
    operation: 'CREATE' | 'UPDATE',
    config: StreamConfig,
    options: CallOptions = {},
  ): Promise<Stream> {
    checkObject('config', config);
    const wire = encodeStreamConfig(config, this.api.connection);
    const info = await this.api.call<WireStreamInfo>(`STREAM.${operation}.${config.name}`, wire, {
      ...waitOf(options),
      stream: config.name,
    });
    if (!info.config)
      throw new InvalidApiResponseError(`STREAM.${operation}.${config.name}`, 'it has no configuration');
    return new Stream(this.api, decodeStreamInfo(info));
  }

  createOrUpdate(config: StreamConfig, options: CallOptions): Promise<Stream> {
    return inSteps(options, async (left) => {
      try {
        return await this.put('UPDATE', config, left);
      } catch (error) {
        if (!(error instanceof StreamNotFoundError)) throw error;
        return this.put('CREATE', config, left);
      }
    });
  }

  async get(name: string, options: CallOptions = {}): Promise<Stream> {
    return new Stream(this.api, await streamInfo(this.api, name, waitOf(options)));
  }

  async delete(name: string, options: CallOptions): Promise<void> {
    validateStreamName(name);
    await this.api.call(`STREAM.DELETE.${name}`, undefined, { ...waitOf(options), stream: name });
  }

  async *list(options: StreamListOptions): AsyncGenerator<StreamInfo, void, undefined> {
    const items = (page: WirePage<WireStreamInfo>) => page.streams;
    const { filter, wait } = listingOf(options);
    const pages = this.api.pages('STREAM.LIST', filter, items, wait);
    for await (const info of pages) yield decodeStreamInfo(info);
  }

  async *names(options: StreamListOptions): AsyncGenerator<string, void, undefined> {
    const items = (page: WirePage<string>) => page.streams;
    const { filter, wait } = listingOf(options);
    yield* this.api.pages('STREAM.NAMES', filter, items, wait);
  }

  async nameBySubject(subject: string, options: CallOptions = {}): Promise<string> {
    validateFilter(subject);
    for await (const name of this.names({ ...waitOf(options), subject })) return name;
    throw new StreamNotFoundError({ subject });
  }
}

/** Selects a page of streams. */
export interface StreamPageQuery {
  /** The number of streams before it. */
  readonly offset: number;
  /** Only streams that listen on this subject, or on a subject that it matches. */
  readonly subject?: string | undefined;
}

/** One page of the streams of an account, which the server sorts by name. */
export async function streamPage(
  api: JetStreamApi,
  { offset, subject }: StreamPageQuery,
  options: CallOptions,
): Promise<ListPage<StreamInfo>> {
  const body = { offset, subject };
  const page = await api.call<WirePage<WireStreamInfo>>('STREAM.LIST', body, waitOf(options));
  const streams = (page.streams ?? []).map((info) => decodeStreamInfo(info));
  return listPage(offset, streams, page);
}

interface WirePage<T> extends WireListPage {
  readonly streams?: readonly T[] | null;
}

/** The body of a list request, and its wait. @throws {@link InvalidArgumentError}, {@link InvalidSubjectError} */
function listingOf(options: StreamListOptions): {
  readonly filter: { readonly subject: string | undefined };
  readonly wait: CallOptions;
} {
  const { subject, timeout, signal } = checkListOptions(options);
  if (subject !== undefined) validateFilter(subject);
  return { filter: { subject }, wait: { timeout, signal } };
}
