import type { Type } from '@nestjs/common';
import {
  MessageSettlement,
  jsonCodec,
  RequestTimeoutError,
  type Codec,
  type JetStreamMessage,
} from 'nestjs-nats-jetstream';
import { JetStreamExceptionFilter, JetStreamRecordBuilder } from 'nestjs-nats-jetstream/microservice';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { firstValueFrom, type Observable } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectClient, startMicroservice, type TestMicroservice } from '../../microservice/microservice.js';
import { eventually } from '../../support/eventually.js';
import { BEHAVIORS, storage, WITH_CAUSE, type Behavior } from './behaviors.js';
import { at, dataOf, patternHooks, type PatternHook, type PatternOrder } from './patterns.js';

class HostileSettlement extends MessageSettlement {
  override onStart(...args: Parameters<MessageSettlement['onStart']>): void {
    return at('onStart of settlement', safeDataOf(args[0]), () => super.onStart(...args));
  }

  override onSuccess(...args: Parameters<MessageSettlement['onSuccess']>): void | Promise<void> {
    return at('onSuccess of settlement', safeDataOf(args[0]), () => super.onSuccess(...args));
  }

  override onFailure(...args: Parameters<MessageSettlement['onFailure']>): void | Promise<void> {
    return at('onFailure of settlement', safeDataOf(args[1]), () => super.onFailure(...args));
  }
}

/** Misbehaves when it reads an order that requests it. */
const codec: Codec = {
  contentType: 'application/json',
  encode: (value) => jsonCodec.encode(value),
  decode: (data) => {
    const value = jsonCodec.decode(data) as { readonly data?: PatternOrder };
    return at('codec of the server', value.data ?? (value as PatternOrder), () => value);
  },
};

const seen = new Map<string, string | undefined>();
const subjectOf = (hook: PatternHook): string =>
  `${hook.kind.includes('core') || hook.kind === 'request' ? 'core' : 'kept'}.${patternHooks.indexOf(hook)}`;
const disconnects: string[] = [];
let nats: NatsTestServer;
let service: TestMicroservice;
let client: Awaited<ReturnType<typeof connectClient>>;

beforeAll(async () => {
  nats = await NatsTestServer.start();
  const note = ({ id }: PatternOrder): void => void seen.set(id, storage.getStore());
  const controllers: Type[] = patternHooks.map((hook) => hook.controller(subjectOf(hook), note));
  const [plain] = patternHooks.filter(({ name }) => name === 'request: handler');
  controllers.push(plain.controller('neighbor', () => undefined));
  service = await startMicroservice(nats.url, {
    controllers,
    server: {
      name: 'hostile',
      codec,
      settlement: new HostileSettlement(),
      streams: [{ name: 'KEPT', subjects: ['kept.*'], storage: 'memory' }],
      events: { concurrency: 64, retry: { maxDeliver: 2, backoff: [5] } },
      requests: { concurrency: 64, retry: { maxDeliver: 2, backoff: [5] } },
    },
    prepare: (app, server) => {
      app.useGlobalFilters(new JetStreamExceptionFilter());
      // oxlint-disable-next-line typescript/no-misused-promises -- users write that
      server.setOnProcessingStartHook((_, context, done) =>
        at('start hook', safeDataOf((context as { message: JetStreamMessage }).message), done),
      );
      server.setOnProcessingEndHook((_, context) =>
        at('end hook', safeDataOf((context as { message: JetStreamMessage }).message), () => undefined),
      );
      server.on('disconnect', () => disconnects.push('service'));
    },
  });
  client = await connectClient(nats.url, { timeout: 400 });
}, 60_000);
afterAll(async () => {
  await client.close();
  await service.app.close();
  await nats.stop();
});

describe.each(patternHooks)('$name', (hook) => {
  const { behaviors = BEHAVIORS } = hook;
  it.each(behaviors.map((behavior) => ({ behavior })))(
    '$behavior',
    { timeout: 20_000 },
    async ({ behavior }) => {
      const id = `p${patternHooks.indexOf(hook)}x${BEHAVIORS.indexOf(behavior)}`;
      const cause = `cause <${id}>\nfaked line`;
      const order = { at: hook.at, behavior, cause };
      const told = [
        await send(hook, { ...order, id: `${id}-1` }),
        await send(hook, { ...order, id: `${id}-2` }),
      ];
      const answer = await send(hook, { id });
      await eventually(() => seen.has(id), Boolean, 5_000);
      expect(seen.get(id)).toBeUndefined();
      expect(answer).toBe(hook.kind.endsWith('request') ? id : undefined);
      expect(await firstValueFrom(client.send('neighbor', { id: 'near' }))).toBe('near');
      expect(disconnects).toEqual([]);
      const own = service.logs.lines.filter(({ context }) => !NEST.includes(context));
      expect(own.filter(({ text }) => text.includes('\nfaked line'))).toEqual([]);
      await eventually(
        () => problemsOf(hook, behavior, id, told),
        (problems) => problems.length === 0,
        5_000,
      );
    },
  );
});

/** Loggers of Nest, which do not escape texts. */
const NEST = ['RpcExceptionsHandler'];

/** The problems of the report of a failure. */
function problemsOf(hook: PatternHook, behavior: Behavior, id: string, told: readonly unknown[]): string[] {
  const waited = told.some((error) => error instanceof RequestTimeoutError);
  if (waited && behavior.startsWith('throws') && hook.unanswered !== true) {
    return ['the caller is left waiting'];
  }
  const named = WITH_CAUSE.includes(behavior) && (hook.synchronous !== true || behavior === 'throws');
  if (!named || hook.silent === true) return [];
  const texts = [...service.logs.lines.map(({ text }) => text), ...told.map(textOf)];
  return texts.some((text) => text.includes(`<${id}>`)) ? [] : ['the cause is not reported'];
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(JSON.stringify(error));
}

/** Sends an order; resolves with the answer, or the error, of a request. */
async function send(hook: PatternHook, order: PatternOrder): Promise<unknown> {
  const subject = subjectOf(hook);
  try {
    switch (hook.kind) {
      case 'event':
        return void (await firstValueFrom(client.emit(subject, order)));
      case 'core event':
        return void (await firstValueFrom(
          client.emit(subject, new JetStreamRecordBuilder(order).setMode('core').build()),
          { defaultValue: undefined },
        ));
      case 'request':
        return await first(client.send(subject, order));
      case 'durable request':
        return await first(
          client.send(subject, new JetStreamRecordBuilder(order).setMode('jetstream').build()),
        );
    }
  } catch (error) {
    return error;
  }
}

/** The first answer; the caller then unsubscribes. */
function first(answers: Observable<unknown>): Promise<unknown> {
  return firstValueFrom(answers, { defaultValue: undefined });
}

function safeDataOf(message: JetStreamMessage): PatternOrder | undefined {
  try {
    return dataOf(message);
  } catch {
    return undefined;
  }
}
