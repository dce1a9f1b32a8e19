import { writeFile } from 'node:fs/promises';
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  type AsyncApiOptions,
  compareAsyncApiDocuments,
  createAsyncApiDocument,
} from 'nestjs-nats-jetstream/asyncapi';
import { JetStreamServer } from 'nestjs-nats-jetstream/microservice';
import { ShopModule } from './contracts.js';

export async function createDocument(): Promise<void> {
  // #region create
  const app = await NestFactory.create(ShopModule);
  const document = await createAsyncApiDocument(app, {
    info: { title: 'Shop', version: '1.4.0', description: 'Takes orders.' },
    servers: { default: { host: 'nats.example.com:4222', description: 'The cluster of the company' } },
  });
  await writeFile('asyncapi.json', JSON.stringify(document, null, 2));
  // #endregion
}

export async function compare(before: unknown): Promise<void> {
  const app = await NestFactory.create(ShopModule);
  const document = await createAsyncApiDocument(app, { info: { title: 'Shop', version: '1.4.0' } });
  // #region compare
  for (const { kind, path, text } of compareAsyncApiDocuments(before, document)) {
    Logger.log(`${kind}: ${path}: ${text}`);
  }
  // #endregion
}

// #region options
export const asyncApi: AsyncApiOptions = {
  info: { title: 'Shop', version: '1.4.0' },
  servers: { default: { host: 'nats.example.com:4222' } },
  microservices: [new JetStreamServer({ name: 'shop' })],
};
// #endregion
