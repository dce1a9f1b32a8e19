import { randomBytes } from 'node:crypto';
import { NestFactory } from '@nestjs/core';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { AppModule } from './app.module.js';

// Without NATS_URL the sample starts its own server, whose store is deleted at the end.
const server = process.env.NATS_URL ? undefined : await NatsTestServer.start();
// Bodies are streamed into the store, not parsed.
const app = await NestFactory.create(AppModule.on(process.env.NATS_URL ?? server?.url ?? ''), {
  bodyParser: false,
});
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 0, '127.0.0.1');
const url = `${await app.getUrl()}/files`;

if (process.env.PORT) {
  console.log(`curl --data-binary @file ${url}/file; curl ${url}/file; curl -r 0-99 ${url}/file`);
} else {
  const content = randomBytes(16 * 1024 * 1024);
  const uploaded = await fetch(`${url}/random.bin`, { method: 'POST', body: content });
  console.log('uploaded', await uploaded.json());
  const whole = Buffer.from(await (await fetch(`${url}/random.bin`)).arrayBuffer());
  console.log(`downloaded ${whole.length} bytes, ${whole.equals(content) ? 'identical' : 'different'}`);
  const part = await fetch(`${url}/random.bin`, { headers: { Range: 'bytes=1000-1999' } });
  const bytes = Buffer.from(await part.arrayBuffer());
  const same = bytes.equals(content.subarray(1_000, 2_000));
  console.log(`${part.status} ${part.headers.get('Content-Range')}, ${same ? 'identical' : 'different'}`);
  await app.close();
  await server?.stop();
}
