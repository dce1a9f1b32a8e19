import { NestFactory } from '@nestjs/core';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { AppModule } from './app.module.js';
import { FlightsRun } from './flights-run.js';
import { RunFigures } from './run-figures.js';
import { summaryTable } from './summary-table.js';

// Without NATS_URL the sample starts its own server, whose store is deleted at the end.
const server = process.env.NATS_URL ? undefined : await NatsTestServer.start();
const url = process.env.NATS_URL ?? server?.url ?? '';

const app = await NestFactory.createApplicationContext(AppModule.on(url));
app.enableShutdownHooks();

const report = await app.get(FlightsRun).run();
console.log(summaryTable(report, app.get(RunFigures)));
await app.close();
await server?.stop();
