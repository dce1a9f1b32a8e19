import {
  Controller,
  Get,
  Headers,
  HttpStatus,
  NotFoundException,
  Param,
  Post,
  Req,
  Res,
  StreamableFile,
} from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  InjectObjectStore,
  ObjectNotFoundError,
  type ObjectInfo,
  type ObjectStore,
} from 'nestjs-nats-jetstream';
import { byteRange, parseRange } from './byte-range.js';

/** The method used here that the responses of Express and Fastify have in common. */
interface HttpResponse extends ServerResponse {
  status(code: number): unknown;
}

/** Files over HTTP, streamed both ways: no file is ever in memory as a whole. */
@Controller('files')
export class FilesController {
  constructor(@InjectObjectStore('files') private readonly files: ObjectStore) {}

  @Get()
  async list(): Promise<{ readonly name: string; readonly size: number }[]> {
    const found: { readonly name: string; readonly size: number }[] = [];
    for await (const { name, size } of this.files.list()) found.push({ name, size });
    return found;
  }

  /** The body of the request becomes the file. The old one stays readable until the new one is complete. */
  @Post(':name')
  async upload(
    @Param('name') name: string,
    @Headers('content-type') contentType: string | undefined,
    @Req() request: IncomingMessage,
  ): Promise<Pick<ObjectInfo, 'name' | 'size' | 'digest'>> {
    const headers = { 'Content-Type': contentType ?? 'application/octet-stream' };
    const { size, digest } = await this.files.put({ name, headers }, request);
    return { name, size, digest };
  }

  @Get(':name')
  async download(
    @Param('name') name: string,
    @Headers('range') rangeHeader: string | undefined,
    @Res({ passthrough: true }) response: HttpResponse,
  ): Promise<StreamableFile | undefined> {
    const content = await this.files.get(name).catch((error: unknown) => {
      throw error instanceof ObjectNotFoundError ? new NotFoundException(`no file "${name}"`) : error;
    });
    const { size, headers, digest } = content.info;
    const type = headers['Content-Type']?.[0] ?? 'application/octet-stream';
    response.setHeader('Accept-Ranges', 'bytes');
    response.setHeader('ETag', `"${digest}"`);
    const range = parseRange(rangeHeader, size);
    if (range === 'unsatisfiable') {
      content.destroy();
      response.status(HttpStatus.REQUESTED_RANGE_NOT_SATISFIABLE);
      response.setHeader('Content-Range', `bytes */${size}`);
      return undefined;
    }
    if (range === undefined) return new StreamableFile(content, { type, length: size });
    response.status(HttpStatus.PARTIAL_CONTENT);
    response.setHeader('Content-Range', `bytes ${range.first}-${range.last}/${size}`);
    return new StreamableFile(byteRange(content, range), { type, length: range.last - range.first + 1 });
  }
}
