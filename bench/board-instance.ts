/**
 * One instance for `board-cost`: it handles the messages of a stream, and serves the board if its last argument is `board`. It answers each
 * message of its parent with the CPU time that the process has used, in microseconds.
 *
 * `node bench/dist/board-instance.js <server> <stream> board|plain`
 */
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { JetStreamModule, JsConsumer } from 'nestjs-nats-jetstream';

const [, , url = '', stream = '', kind = ''] = process.argv;

@Injectable()
class Work {
  @JsConsumer({ stream, durable: 'worker', concurrency: 16 })
  async onMessage(): Promise<void> {
    await Promise.resolve();
  }
}

const boards =
  kind === 'board' ? [(await import('nestjs-nats-jetstream/board')).JetStreamBoardModule.forRoot()] : [];

@Module({
  imports: [
    JetStreamModule.forRoot({ connection: { servers: url }, discovery: { name: stream, version: '1.0.0' } }),
    ...boards,
  ],
  providers: [Work],
})
class InstanceModule {}

const app = await NestFactory.create(InstanceModule, { logger: false });
await app.listen(0, '127.0.0.1');
process.on('message', () => {
  const { system, user } = process.cpuUsage();
  process.send?.(system + user);
});
process.once('disconnect', () => void app.close());
process.send?.('ready');
