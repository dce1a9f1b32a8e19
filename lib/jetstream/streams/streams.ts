import { InvalidApiResponseError, StreamNotFoundError } from '../../errors/index.js';
import { checkObject, optionsCheck } from '../../validation/index.js';
import { validateFilter, validateStreamName, type JetStreamApi } from '../api/index.js';
import { streamInfo } from './stream-api.js';
import type { StreamConfig } from './stream-config.js';
import { encodeStreamConfig } from './stream-config.wire.js';
import { decodeStreamInfo, type StreamInfo, type WireStreamInfo } from './stream-info.js';
import { Stream } from './stream.js';

/** Selects the streams to list. */
export interface StreamListOptions {
  /** Only streams that listen on this subject, or on a subject that it matches. */
  readonly subject?: string | undefined;
}

const checkListOptions = optionsCheck<StreamListOptions>('listStreams', { subject: true });

/** Implements the stream operations of `JetStreamService`. */
export class Streams {
  constructor(private readonly api: JetStreamApi) {}

  async put(operation: 'CREATE' | 'UPDATE', config: StreamConfig): Promise<Stream> {
    checkObject('config', config);
    const wire = encodeStreamConfig(config, this.api.connection);
    const info = await this.api.call<WireStreamInfo>(`STREAM.${operation}.${config.name}`, wire, {
      stream: config.name,
    });
    if (!info.config)
      throw new InvalidApiResponseError(`STREAM.${operation}.${config.name}`, 'it has no configuration');
    return new Stream(this.api, decodeStreamInfo(info));
  }

  async createOrUpdate(config: StreamConfig): Promise<Stream> {
    try {
      return await this.put('UPDATE', config);
    } catch (error) {
      if (!(error instanceof StreamNotFoundError)) throw error;
      return this.put('CREATE', config);
    }
  }

  async get(name: string): Promise<Stream> {
    return new Stream(this.api, await streamInfo(this.api, name));
  }

  async delete(name: string): Promise<void> {
    validateStreamName(name);
    await this.api.call(`STREAM.DELETE.${name}`, undefined, { stream: name });
  }

  async *list(options: StreamListOptions): AsyncGenerator<StreamInfo, void, undefined> {
    const items = (page: WirePage<WireStreamInfo>) => page.streams;
    const pages = this.api.pages('STREAM.LIST', filterOf(options), items);
    for await (const info of pages) yield decodeStreamInfo(info);
  }

  async *names(options: StreamListOptions): AsyncGenerator<string, void, undefined> {
    const items = (page: WirePage<string>) => page.streams;
    yield* this.api.pages('STREAM.NAMES', filterOf(options), items);
  }

  async nameBySubject(subject: string): Promise<string> {
    validateFilter(subject);
    for await (const name of this.names({ subject })) return name;
    throw new StreamNotFoundError({ subject });
  }
}

interface WirePage<T> {
  readonly total?: number;
  readonly streams?: readonly T[] | null;
}

/** The body of a list request. @throws {@link InvalidArgumentError}, {@link InvalidSubjectError} */
function filterOf(options: StreamListOptions): { readonly subject: string | undefined } {
  const { subject } = checkListOptions(options);
  if (subject !== undefined) validateFilter(subject);
  return { subject };
}
