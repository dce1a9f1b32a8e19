import { randomBytes } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import {
  Controller,
  Module,
  Post,
  UploadedFiles,
  UseInterceptors,
  type INestApplication,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AnyFilesInterceptor, MulterModule } from '@nestjs/platform-express';
import {
  getObjectStoreToken,
  JetStreamModule,
  ObjectStoreService,
  type ObjectInfo,
  type ObjectStore,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import {
  ObjectStoreStorage,
  type ObjectStoreStorageOptions,
  type StoredFile,
} from 'nestjs-nats-jetstream/upload';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const MIB = 1_048_576;

@Controller()
class Uploads {
  @Post()
  @UseInterceptors(AnyFilesInterceptor())
  upload(@UploadedFiles() files: readonly StoredFile[]): readonly StoredFile[] {
    return files;
  }
}

describe('uploads into an object store', () => {
  let server: NatsTestServer;
  let app: INestApplication;
  let store: ObjectStore;
  let refuse: string | undefined;

  beforeAll(async () => {
    server = await NatsTestServer.start();
    app = await boot({
      describe: (_, file) => {
        if (file.originalname === refuse) throw new Error('refused');
        return { name: `${file.fieldname}/${file.originalname}`, headers: { 'Content-Type': file.mimetype } };
      },
    });
    store = await app.get(ObjectStoreService).open('documents');
  });
  afterAll(async () => {
    await app.close();
    await server.stop();
  });

  async function boot(options: ObjectStoreStorageOptions): Promise<INestApplication> {
    @Module({
      imports: [
        JetStreamModule.forRoot({ connection: { servers: server.url } }),
        MulterModule.registerAsync({
          imports: [JetStreamModule.forFeature({ objectStores: [{ bucket: 'documents' }] })],
          inject: [getObjectStoreToken('documents')],
          useFactory: (documents: ObjectStore) => ({
            limits: { fileSize: 20 * MIB },
            storage: new ObjectStoreStorage(documents, options),
          }),
        }),
      ],
      controllers: [Uploads],
    })
    class App {}
    const booted = await NestFactory.create(App, { logger: false, abortOnError: false });
    // Otherwise the server might close a connection at the moment when a request is sent on it.
    (booted.getHttpServer() as Server).keepAliveTimeout = 60_000;
    return booted.listen(0, '127.0.0.1').then(() => booted);
  }

  const portOf = (booted: INestApplication): number =>
    ((booted.getHttpServer() as Server).address() as AddressInfo).port;

  async function upload(...files: readonly File[]): Promise<Response> {
    return uploadTo(app, ...files);
  }

  async function uploadTo(booted: INestApplication, ...files: readonly File[]): Promise<Response> {
    const form = new FormData();
    for (const file of files) form.append('files', file);
    return fetch(`http://127.0.0.1:${portOf(booted)}/`, { method: 'POST', body: form });
  }

  async function chunks(): Promise<number> {
    const { messages } = (await store.status()).streamInfo.state;
    let descriptions = 0;
    for await (const info of store.list({ showDeleted: true })) descriptions += info ? 1 : 0;
    return messages - descriptions;
  }

  it('stores each file of a request and passes the objects to the handler', async () => {
    const first = randomBytes(5 * MIB);
    const second = randomBytes(10);
    const response = await upload(image('a.png', first), image('b.png', second));
    expect(response.status).toBe(201);
    const files = (await response.json()) as { filename: string; size: number; object: ObjectInfo }[];
    expect(files.map(({ filename, size }) => [filename, size])).toEqual([
      ['files/a.png', 5 * MIB],
      ['files/b.png', 10],
    ]);
    expect(files[0].object.digest).toBe((await store.info('files/a.png')).digest);
    expect((await store.info('files/a.png')).headers).toEqual({ 'Content-Type': ['image/png'] });
    expect((await store.getBytes('files/a.png')).equals(first)).toBe(true);
    expect((await store.getBytes('files/b.png')).equals(second)).toBe(true);
  });

  it('leaves no content of a file that is too large, or of other files of its request', async () => {
    const before = await chunks();
    const response = await upload(
      image('small.png', randomBytes(MIB)),
      image('large.png', randomBytes(21 * MIB)),
    );
    expect(response.status).toBe(413);
    await expect.poll(chunks).toBe(before);
  });

  it('leaves no content of a request with a rejected file', async () => {
    const before = await chunks();
    refuse = 'refused.png';
    const response = await upload(image('good.png', randomBytes(MIB)), image(refuse, randomBytes(MIB)));
    expect(response.status).toBe(500);
    await expect.poll(chunks).toBe(before);
  });

  it('leaves no content of an upload that the client aborts', async () => {
    const before = await chunks();
    const client = connect(portOf(app), '127.0.0.1');
    client.write(
      'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n' +
        'Content-Type: multipart/form-data; boundary=b\r\n\r\n' +
        '--b\r\nContent-Disposition: form-data; name="files"; filename="broken.png"\r\n\r\n',
    );
    client.write(randomBytes(2 * MIB));
    await expect.poll(chunks).toBeGreaterThan(before + 10);
    client.destroy();
    await expect.poll(chunks).toBe(before);
  });

  it("gives multer's fields and the object", async () => {
    const [{ fieldname, originalname, mimetype, filename, object, size }] = (await (
      await upload(image('sunset.png', Buffer.from('content')))
    ).json()) as StoredFile[];
    expect({ fieldname, originalname, mimetype, filename, size }).toEqual({
      fieldname: 'files',
      originalname: 'sunset.png',
      mimetype: 'image/png',
      filename: 'files/sunset.png',
      size: 7,
    });
    expect(object.name).toBe(filename);
  });

  it('generates names for files by default', async () => {
    const other = await boot({});
    const response = await uploadTo(other, image('../../etc/passwd', Buffer.from('content')));
    const [{ filename }] = (await response.json()) as StoredFile[];
    expect(filename).toMatch(/^\w{22}$/);
    expect(await store.info(filename)).toMatchObject({
      description: 'passwd',
      headers: { 'Content-Type': ['image/png'] },
    });
    expect(await store.getString(filename)).toBe('content');
    await other.close();
  });

  it.each<[string, ObjectStoreStorageOptions['describe']]>([
    [
      'throws',
      () => {
        throw new Error('refused');
      },
    ],
    ['rejects', () => Promise.reject(new Error('refused'))],
    ['rejects without a reason', () => Promise.reject()],
    ['returns nothing', () => undefined as never],
    ['returns an empty name', () => ''],
    ['returns a number', () => 5 as never],
    ['returns metadata that cannot be stored', () => ({ name: 'x', metadata: { size: 5 as never } })],
  ])('responds, and leaves no content, if the description of a file %s', async (_, describeFile) => {
    const other = await boot({ describe: describeFile });
    const before = await chunks();
    const files = [image('a.png', randomBytes(2 * MIB)), image('b.png', randomBytes(2 * MIB))];
    const response = await uploadTo(other, ...files);
    expect(response.status).toBe(500);
    await expect.poll(chunks).toBe(before);
    await other.close();
  });

  it('does not remove a newer object that another request stored under the same name', async () => {
    const storage = new ObjectStoreStorage(store);
    const object = await store.putString('same', 'first');
    await store.putString('same', 'second');
    const removed = { object, filename: 'same', size: object.size };
    await promisify(storage._removeFile.bind(storage))({} as IncomingMessage, removed);
    expect(await store.getString('same')).toBe('second');
    const current = { object: await store.info('same'), filename: 'same', size: 6 };
    await promisify(storage._removeFile.bind(storage))({} as IncomingMessage, current);
    await expect(store.info('same')).rejects.toThrow('deleted');
  });

  it('stores files of any name', async () => {
    const other = await boot({});
    const name = `\u202e${'n'.repeat(3_000)}.png`;
    const response = await uploadTo(other, image(name, Buffer.from('content')));
    const [{ filename, object }] = (await response.json()) as StoredFile[];
    expect(object.description.length).toBeLessThanOrEqual(1_024);
    expect(await store.getString(filename)).toBe('content');
    await other.close();
  });
});

function image(name: string, data: Uint8Array<ArrayBuffer>): File {
  return new File([data], name, { type: 'image/png' });
}
