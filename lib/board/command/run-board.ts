import 'reflect-metadata';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { DynamicModule, INestApplication } from '@nestjs/common';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { JetStreamConnections } from '../../handlers/index.js';
import { JetStreamModule } from '../../index.js';
import { CommandLogger } from '../../pages/index.js';
import { errorText } from '../../reporting/index.js';
import { JetStreamBoardModule } from '../module/index.js';
import { type BoardCommandLine, BoardUsageError, readBoardCommandLine, USAGE } from './command-line.js';
import { connectionOf } from './connection-of.js';
import { httpPlatform } from './http-platform.js';
import { LocalGate } from './local-gate.js';

const PATH = 'board';
const DONE = 0;
const FAILED = 2;

/** The parts of its process that the command uses. */
export interface BoardCommandHost {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Writes to the standard output. */
  out(text: string): void;
  /** Writes errors and warnings. */
  err(text: string): void;
  /** Resolves when the user ends the command. */
  readonly ended: Promise<unknown>;
}

/**
 * Serves the board until the user ends the command.
 *
 * @param args the arguments behind `board`
 * @returns the exit code
 */
export async function runBoard(args: readonly string[], host: BoardCommandHost): Promise<number> {
  let app: INestApplication | undefined;
  try {
    const line = readBoardCommandLine(args, host.env);
    if (line === undefined) {
      host.out(USAGE);
      return DONE;
    }
    const gate = new LocalGate(`/${PATH}`);
    app = await createApplication(line, host, gate);
    await app.listen(line.port, '127.0.0.1');
    host.out(welcome(line, app, gate));
    await host.ended;
    return DONE;
  } catch (error) {
    host.err(`${errorText(error)}\n`);
    if (error instanceof BoardUsageError)
      host.err('Run "nestjs-nats-jetstream board --help" for the usage.\n');
    return FAILED;
  } finally {
    await app?.close();
  }
}

@Module({})
class BoardCommandModule {}

async function createApplication(
  line: BoardCommandLine,
  host: BoardCommandHost,
  gate: LocalGate,
): Promise<INestApplication> {
  const { domain, readOnly, title } = line;
  const module: DynamicModule = {
    module: BoardCommandModule,
    imports: [
      JetStreamModule.forRoot({
        connection: await connectionOf(line, host.env),
        bootSummary: false,
        ...(domain !== undefined && { jetstream: { domain } }),
      }),
      // The gate protects all routes.
      JetStreamBoardModule.forRoot({ path: PATH, readOnly, public: true, title }),
    ],
  };
  const app = await NestFactory.create(module, await httpPlatform(), {
    logger: new BoardLogger((text) => host.err(text)),
    abortOnError: false,
    forceCloseConnections: true,
  });
  app.use(gate.admit);
  return app;
}

function welcome({ readOnly }: BoardCommandLine, app: INestApplication, gate: LocalGate): string {
  const [jetstream] = app.get(JetStreamConnections).list();
  const { server } = jetstream.connection.status;
  const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
  return (
    `Board of ${server === undefined ? 'the server' : `${server.name} (nats-server ${server.version})`}, ` +
    `${readOnly ? 'read-only' : 'with actions that change it'}: ${gate.addressOn(port)}\n` +
    'The address works once. Press Ctrl+C to end.\n'
  );
}

/** Also shows the log of actions. */
class BoardLogger extends CommandLogger {
  override log(message: unknown, ...rest: readonly unknown[]): void {
    if (rest.at(-1) === 'JetStreamBoard') this.write(`${String(message)}\n`);
  }
}
