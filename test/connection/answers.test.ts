import { Controller, Injectable } from '@nestjs/common';
import { Ctx, MessagePattern } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { connect, type Msg, type NatsConnection } from '@nats-io/transport-node';
import {
  ConnectionClosedError,
  JetStreamModule,
  NatsSubscribeContext,
  PayloadTooLargeError,
  NatsSubscribe,
} from 'nestjs-nats-jetstream';
import type { JetStreamRequestContext } from 'nestjs-nats-jetstream/microservice';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMicroservice } from '../microservice/microservice.js';
import { eventually } from '../support/eventually.js';
import { LogRecorder } from '../support/log-recorder.js';
import { connectOver } from './connect-over.js';

let server: NatsTestServer;
beforeAll(async () => {
  server = await NatsTestServer.start();
});
afterAll(() => server.stop());

/** A message that its handler keeps, and the ways to answer it. */
interface Kept {
  readonly nc: NatsConnection;
  readonly context: { readonly message: Msg };
  close(): Promise<unknown>;
}

async function subscription(nc: NatsConnection): Promise<Kept> {
  const contexts: NatsSubscribeContext[] = [];
  @Injectable()
  class Questions {
    @NatsSubscribe('question')
    on(@Ctx() context: NatsSubscribeContext): void {
      contexts.push(context);
    }
  }
  const app = await Test.createTestingModule({
    imports: [JetStreamModule.forRoot({ connection: nc })],
    providers: [Questions],
  })
    .setLogger(new LogRecorder())
    .compile();
  await app.init();
  return { nc, context: await asked(contexts), close: () => app.close() };
}

async function pattern(nc: NatsConnection): Promise<Kept> {
  const contexts: JetStreamRequestContext[] = [];
  @Controller()
  class Questions {
    @MessagePattern('question')
    on(@Ctx() context: JetStreamRequestContext): number {
      contexts.push(context);
      return 1;
    }
  }
  const { app } = await startMicroservice(server.url, {
    controllers: [Questions],
    server: { connection: nc },
  });
  return { nc, context: await asked(contexts), close: () => app.close() };
}

/** Sends a request without waiting for its answer, and returns the context that its handler received. */
async function asked<Context>(contexts: readonly Context[]): Promise<Context> {
  const asker = await connect({ servers: server.url });
  asker.publish('question', '1', { reply: 'answers' });
  await asker.drain();
  await eventually(
    () => contexts.length,
    (length) => length > 0,
  );
  return contexts[0];
}

const WIRES = ['direct', 'client'] as const;
const FORMS = [
  ['@NatsSubscribe', subscription],
  ['@MessagePattern', pattern],
] as const;
const ENDS: readonly (readonly [string, (nc: NatsConnection) => unknown])[] = [
  ['is closed', (nc) => nc.close()],
  ['was drained', (nc) => nc.drain()],
  ['drains', (nc) => void nc.drain()],
];

describe.each(WIRES)('an answer through the %s wire', (wire) => {
  async function open(form: (typeof FORMS)[number][1]): Promise<Kept> {
    const nc = await connectOver(wire, { servers: server.url });
    return form(nc);
  }

  describe.each(FORMS)('to a message of %s', (_, form) => {
    it.each(ENDS)('throws ConnectionClosedError when the connection %s', async (__, end) => {
      const { nc, context, close } = await open(form);
      // A connection that drains takes messages until its subscriptions have ended.
      await end(nc);
      await eventually(
        () => outcomeOf(() => context.message.respond('1')),
        (outcome) => outcome !== true,
      );
      const errors = waysToAnswer(context).map((respond) => outcomeOf(() => respond('1')));
      await nc.closed();
      errors.push(...waysToAnswer(context).map((respond) => outcomeOf(() => respond('1'))));
      for (const error of errors) expect(error).toBeInstanceOf(ConnectionClosedError);
      await close();
    });

    it('throws PayloadTooLargeError for an answer larger than the server accepts', async () => {
      const { nc, context, close } = await open(form);
      const data = new Uint8Array(1_048_577);
      for (const respond of waysToAnswer(context)) {
        expect(outcomeOf(() => respond(data))).toBeInstanceOf(PayloadTooLargeError);
      }
      expect(context.message.respond('1')).toBe(true);
      await close();
      await nc.close();
    });
  });
});

function waysToAnswer(context: Kept['context']): ((data: Uint8Array | string) => unknown)[] {
  const { message } = context;
  const raw = (data: Uint8Array | string): unknown => message.respond(data);
  return context instanceof NatsSubscribeContext ? [raw, (data) => context.respond(data)] : [raw];
}

function outcomeOf(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return error;
  }
}
