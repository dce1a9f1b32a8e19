import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  BadRequestException,
  ConflictException,
  Controller,
  Get,
  Injectable,
  Logger,
  Module,
  NotFoundException,
  Param,
  Post,
  Put,
  Req,
  StreamableFile,
  type Type,
  UploadedFile,
  UseInterceptors,
} from '@nestjs/common';
import {
  BucketLinkError,
  getObjectStoreToken,
  InjectObjectStore,
  JetStreamModule,
  ObjectCorruptError,
  ObjectNotFoundError,
  ObjectRevisionMismatchError,
  ObjectStoreService,
  type ObjectInfo,
  type ObjectStore,
} from 'nestjs-nats-jetstream';
// #region body-parser-imports
import type { IncomingMessage } from 'node:http';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
// #endregion
// #region upload-imports
import { FileInterceptor, MulterModule } from '@nestjs/platform-express';
import { ObjectStoreStorage, type StoredFile } from 'nestjs-nats-jetstream/upload';
// #endregion

// #region declare
@Module({
  imports: [
    JetStreamModule.forFeature({
      objectStores: [{ bucket: 'documents', description: 'what customers send', maxBytes: 10 * 1024 ** 3 }],
    }),
  ],
})
export class DocumentsModule {}

@Injectable()
export class Documents {
  constructor(@InjectObjectStore('documents') private readonly documents: ObjectStore) {}

  async save(name: string, content: Readable): Promise<ObjectInfo> {
    return this.documents.put(name, content);
  }
}
// #endregion

@Injectable()
export class Archives {
  constructor(private readonly stores: ObjectStoreService) {}

  // #region service
  async archive(year: number): Promise<ObjectStore> {
    return this.stores.createOrUpdate({
      bucket: `archive-${year}`,
      ttl: 10 * 365 * 24 * 3_600_000,
      replicas: 3,
      compression: true,
      metadata: { owner: 'accounting' },
    });
  }
  // #endregion
}

export async function putAndGet(store: ObjectStore, source: Readable): Promise<Buffer> {
  // #region put
  await store.putString('notes/today.txt', 'Call Sue.');
  await store.putBytes('logo.png', Buffer.from('…'));
  await store.putFile('/var/reports/2026.pdf', { name: 'reports/2026.pdf' });
  const info = await store.put(
    {
      name: 'video.mp4',
      description: 'the launch',
      headers: { 'Content-Type': 'video/mp4' },
      metadata: { author: 'sue' },
    },
    source,
  );
  // #endregion

  // #region get
  const text = await store.getString('notes/today.txt');
  const bytes = await store.getBytes('logo.png');
  await store.getFile('reports/2026.pdf', '/tmp/2026.pdf');
  const content = await store.get('video.mp4');
  await pipeline(content, process.stdout, { end: false });
  // #endregion
  new Logger('Documents').log(`${info.name}: ${text}, ${content.info.size} bytes`);
  return bytes;
}

export async function abort(store: ObjectStore, source: Readable): Promise<void> {
  // #region abort
  await store.put('upload.bin', source, { signal: AbortSignal.timeout(60_000) });
  // #endregion
}

export async function guard(store: ObjectStore): Promise<void> {
  // #region revision
  const { revision } = await store.info('prices.csv');
  try {
    await store.putString('prices.csv', 'new prices', { previousRevision: revision });
  } catch (error) {
    if (!(error instanceof ObjectRevisionMismatchError)) throw error;
    throw new ConflictException('the prices were changed by another client');
  }
  // #endregion
}

// #region http
@Controller('documents')
export class DocumentsController {
  constructor(@InjectObjectStore('documents') private readonly documents: ObjectStore) {}

  @Put(':name')
  async upload(@Param('name') name: string, @Req() request: Readable): Promise<{ readonly digest: string }> {
    const { digest } = await this.documents.put(name, request);
    return { digest };
  }

  @Get(':name')
  async download(@Param('name') name: string): Promise<StreamableFile> {
    try {
      const content = await this.documents.get(name);
      const [type] = content.info.headers['Content-Type'] ?? [];
      return new StreamableFile(content, { type, length: content.info.size });
    } catch (error) {
      if (error instanceof ObjectNotFoundError) throw new NotFoundException();
      throw error;
    }
  }
}
// #endregion

export async function createApplication(AppModule: Type): Promise<NestExpressApplication> {
  // #region body-parser
  const app = await NestFactory.create<NestExpressApplication>(AppModule, { bodyParser: false });
  app.useBodyParser('json', {
    type: ({ url = '', headers }: IncomingMessage) =>
      headers['content-type']?.startsWith('application/json') === true && !url.startsWith('/documents/'),
  });
  // #endregion
  return app;
}

// #region upload
@Controller('uploads')
export class UploadsController {
  @Post()
  @UseInterceptors(FileInterceptor('file'))
  upload(@UploadedFile() file: StoredFile | undefined): { readonly name: string; readonly size: number } {
    if (!file) throw new BadRequestException('the form has no file in the field "file"');
    return { name: file.object.name, size: file.size };
  }
}

@Module({
  imports: [
    MulterModule.registerAsync({
      imports: [JetStreamModule.forFeature({ objectStores: [{ bucket: 'documents' }] })],
      inject: [getObjectStoreToken('documents')],
      useFactory: (store: ObjectStore) => ({
        limits: { fileSize: 1024 ** 3 },
        storage: new ObjectStoreStorage(store),
      }),
    }),
  ],
  controllers: [UploadsController],
})
export class UploadsModule {}
// #endregion

export async function describe(store: ObjectStore): Promise<void> {
  const logger = new Logger('Documents');
  // #region info
  const info = await store.info('video.mp4');
  logger.log(`${info.size} bytes in ${info.chunks} chunks, stored ${info.modTime.toISOString()}`);

  await store.updateMeta('video.mp4', { name: 'launch.mp4', description: 'the launch, cut' });
  await store.delete('launch.mp4');
  for await (const { name, deleted } of store.list({ showDeleted: true })) logger.log(`${name} ${deleted}`);
  // #endregion
}

export async function link(store: ObjectStore, archive: ObjectStore): Promise<void> {
  // #region links
  await store.addLink('latest.pdf', await archive.info('reports/2026.pdf'));
  const report = await store.getBytes('latest.pdf'); // the content of reports/2026.pdf, from the other bucket

  await store.addBucketLink('archive', archive);
  try {
    await store.get('archive');
  } catch (error) {
    if (!(error instanceof BucketLinkError)) throw error;
    new Logger('Documents').log(`see bucket ${error.target}`);
  }
  // #endregion
  if (report.length === 0) throw new Error('empty');
}

export async function watch(store: ObjectStore): Promise<void> {
  const logger = new Logger('Documents');
  // #region watch
  const watcher = await store.watch({ ignoreDeletes: true });
  for await (const info of watcher) {
    logger.log(`${info.initial ? 'there is' : 'new:'} ${info.name}, ${info.size} bytes`);
  }
  // #endregion
}

export async function corrupt(store: ObjectStore): Promise<void> {
  // #region corrupt
  try {
    await store.getFile('launch.mp4', '/srv/media/launch.mp4');
  } catch (error) {
    if (!(error instanceof ObjectCorruptError)) throw error;
    // The file of before, if any, is untouched.
    await store.putFile('/backup/launch.mp4', { name: 'launch.mp4' });
  }
  // #endregion
}
