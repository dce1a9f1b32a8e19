import { Injectable, Module, UseGuards } from '@nestjs/common';
import { LazyModuleLoader } from '@nestjs/core';
import {
  HandlerConfigurationError,
  Handlers,
  type JetStreamEvent,
  JetStreamEvents,
  JetStreamModule,
  JetStreamService,
  JsConsumer,
  NatsSubscribe,
  OnJetStreamEvent,
} from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

let calls: string[] = [];

describe('handlers of a lazily loaded module', () => {
  let server: NatsTestServer;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());
  beforeEach(() => (calls = []));

  it('start before the module is returned, with its declared streams', async () => {
    @Injectable()
    class Guard {
      canActivate(): boolean {
        calls.push('guard');
        return true;
      }
    }
    @Injectable()
    class Late {
      @JsConsumer({ stream: 'LATE', durable: 'late' })
      @UseGuards(Guard)
      on(): void {
        calls.push('late');
      }
      @OnJetStreamEvent('handler-paused')
      onPaused({ type }: JetStreamEvent): void {
        calls.push(type);
      }
    }
    @Module({
      imports: [
        JetStreamModule.forFeature({ streams: [{ name: 'LATE', subjects: ['late'], storage: 'memory' }] }),
      ],
      providers: [Late],
    })
    class LateModule {}
    @Module({})
    class EmptyModule {}
    await using application = await startApplication(server.url, {});
    const { app } = application;
    const loader = app.get(LazyModuleLoader);
    await loader.load(() => EmptyModule);
    expect(app.get(Handlers).list()).toEqual([]);
    await Promise.all([loader.load(() => LateModule), loader.load(() => LateModule)]);
    await loader.load(() => LateModule);
    expect(app.get(Handlers).list()).toMatchObject([
      { handler: 'Late.on', status: 'running', consumer: 'late' },
    ]);
    await app.get(JetStreamService).publish('late', 1);
    await eventually(
      () => calls,
      ({ length }) => length === 2,
    );
    expect(calls).toEqual(['guard', 'late']);
    await app.get(Handlers).pause('Late.on');
    expect(calls.at(-1)).toBe('handler-paused');
    expect(application.logs.of('warn')).toEqual([]);
  });

  it('are stopped with the application', async () => {
    @Injectable()
    class Late {
      @NatsSubscribe('late')
      on(): void {}
    }
    @Module({ providers: [Late] })
    class LateModule {}
    const application = await startApplication(server.url, {});
    await application.app.get(LazyModuleLoader).load(() => LateModule);
    const handlers = application.app.get(Handlers);
    expect(handlers.get('Late.on').status).toBe('running');
    await application.app.close();
    expect(handlers.get('Late.on').status).toBe('stopped');
  });

  it('follow autoStart and enabled', async () => {
    @Injectable()
    class Late {
      @NatsSubscribe('late')
      on(): void {}
      @NatsSubscribe('late', { enabled: false })
      off(): void {}
    }
    @Module({ providers: [Late] })
    class LateModule {}
    await using application = await startApplication(server.url, {
      options: { handlers: { autoStart: false } },
    });
    await application.app.get(LazyModuleLoader).load(() => LateModule);
    const handlers = application.app.get(Handlers);
    expect(handlers.list().map(({ notStarted }) => notStarted)).toEqual(['autoStart', 'enabled']);
    await handlers.start();
    expect(handlers.list().map(({ status }) => status)).toEqual(['running', 'stopped']);
  });

  it('with mistakes fail the loading, and not that of other modules', async () => {
    @Injectable()
    class Wrong {
      @JsConsumer({ stream: 'NOT_THERE', durable: 'wrong' })
      on(): void {}
    }
    @Module({ providers: [Wrong] })
    class WrongModule {}
    @Injectable()
    class Rival {
      @JsConsumer({ stream: 'SHARED', durable: 'shared' })
      on(): void {}
    }
    @Module({ providers: [Rival] })
    class RivalModule {}
    @Injectable()
    class Right {
      @NatsSubscribe('right')
      on(): void {}
    }
    @Module({ providers: [Right] })
    class RightModule {}
    @Injectable()
    class Present {
      @JsConsumer({ stream: 'SHARED', durable: 'shared' })
      on(): void {}
    }
    await using application = await startApplication(server.url, {
      providers: [Present],
      feature: { streams: [{ name: 'SHARED', subjects: ['shared'], storage: 'memory' }] },
    });
    const loader = application.app.get(LazyModuleLoader);
    await expect(loader.load(() => WrongModule)).rejects.toThrow(HandlerConfigurationError);
    await expect(loader.load(() => RivalModule)).rejects.toThrow(
      /Rival\.on: shares the durable "shared" of stream "SHARED" with Present\.on/,
    );
    await loader.load(() => RightModule);
    expect(
      application.app
        .get(Handlers)
        .list()
        .map(({ handler, status }) => [handler, status]),
    ).toEqual([
      ['Present.on', 'running'],
      ['Right.on', 'running'],
    ]);
  });

  it('that cannot be created on the server can be started later', async () => {
    @Injectable()
    class Late {
      @NatsSubscribe('refused')
      on(): void {
        calls.push('on');
      }
    }
    @Module({ providers: [Late] })
    class LateModule {}
    await using guarded = await NatsTestServer.start({
      users: [{ user: 'u', permissions: { publish: '>', subscribe: { allow: '>', deny: 'refused' } } }],
      noAuthUser: 'u',
    });
    await using application = await startApplication(guarded.url, {});
    const events: string[] = [];
    application.app.get(JetStreamEvents).all.subscribe(({ type }) => events.push(type));
    await expect(application.app.get(LazyModuleLoader).load(() => LateModule)).rejects.toThrow(
      HandlerConfigurationError,
    );
    const handlers = application.app.get(Handlers);
    expect(handlers.get('Late.on').status).toBe('stopped');
    await expect(handlers.start('Late.on')).rejects.toThrow(/refused/);
  });

  it('of another connection start on it', async () => {
    @Injectable()
    class Late {
      @NatsSubscribe('late', { connection: 'second' })
      on(): void {}
    }
    @Module({
      imports: [JetStreamModule.forRoot({ name: 'second', connection: { servers: server.url } })],
      providers: [Late],
    })
    class LateModule {}
    await using application = await startApplication(server.url, {});
    await application.app.get(LazyModuleLoader).load(() => LateModule);
    expect(application.app.get(Handlers).get('Late.on')).toMatchObject({
      connection: 'second',
      status: 'running',
    });
  });
});
