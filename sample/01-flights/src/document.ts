import { writeFile } from 'node:fs/promises';
import { NestFactory } from '@nestjs/core';
import { createAsyncApiDocument } from 'nestjs-nats-jetstream/asyncapi';
import { AppModule } from './app.module.js';

// Writes the AsyncAPI document of the sample to the file that is named as argument, without a server.
const [, , file = 'asyncapi.json'] = process.argv;
const app = await NestFactory.createApplicationContext(AppModule.on('localhost', false), {
  logger: ['warn', 'error'],
});
const document = await createAsyncApiDocument(app, { info: { title: 'Flights', version: '1.0.0' } });
await writeFile(file, `${JSON.stringify(document, undefined, 2)}\n`);
await app.close();
