import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, type Type } from '@nestjs/common';
import {
  Handlers,
  JetStreamEvents,
  OnJetStreamEvent,
  NatsSubscribe,
  type JetStreamEvent,
} from 'nestjs-nats-jetstream';
import { map, share, tap, type Observable } from 'rxjs';
import { finalize, take } from 'rxjs/operators';
import { connectClient } from '../../../microservice/microservice.js';
import { eventually } from '../../../support/eventually.js';
import { OF_A_GETTER } from '../behaviors.js';
import { FORBIDDEN, type Bench, type ServiceHook } from './bench.js';

/** The behavior of an `@OnJetStreamEvent` method. */
const listener: { act: (() => unknown) | undefined } = { act: undefined };

/** The handler whose events are listened to, and a listener of them. */
export function listeningProviders(): Type[] {
  @Injectable()
  class Paused {
    @NatsSubscribe('paused')
    on(): void {}
  }
  @Injectable()
  class Listening {
    @OnJetStreamEvent('handler-paused')
    on(): unknown {
      return listener.act?.();
    }
  }
  return [Paused, Listening];
}

/** Causes two events, which all other listeners receive too. */
async function makeEvents(bench: Bench): Promise<void> {
  const handlers = bench.app.get(Handlers);
  let heard = 0;
  const subscription = bench.app.get(JetStreamEvents).all.subscribe(() => heard++);
  await handlers.pause('Paused.on');
  await handlers.resume('Paused.on');
  subscription.unsubscribe();
  if (heard !== 2) throw new Error(`others heard ${heard} of 2 events`);
}

/** Subscribes to the events in a given way while two of them are emitted. */
function subscribing(
  name: string,
  subscribe: (all: Observable<JetStreamEvent>, act: () => never) => { unsubscribe(): void },
  kind: Partial<ServiceHook> = {},
): ServiceHook {
  return {
    name: `events, ${name}`,
    logged: () => ['JetStreamEvents.all'],
    ...kind,
    async use(bench, { act }) {
      const subscription = subscribe(bench.app.get(JetStreamEvents).all, act);
      await makeEvents(bench);
      try {
        subscription.unsubscribe();
      } catch {
        // An error of a teardown is thrown to the caller of unsubscribe.
      }
      // rxjs throws unhandled errors in a later turn.
      await sleep(5);
      return undefined;
    },
  };
}

/** Breaks and restores the connection of a separate client. */
async function reconnecting(
  bench: Bench,
  listen: (client: Awaited<ReturnType<typeof connectClient>>) => void,
): Promise<undefined> {
  await using client = await connectClient(bench.server.url, {
    connection: { servers: bench.server.url, reconnectTimeWait: 10 },
  });
  const nc = await client.connect();
  const heard: string[] = [];
  listen(client);
  client.on('disconnect', () => heard.push('disconnect'));
  client.on('reconnect', () => heard.push('reconnect'));
  client.status.subscribe((status) => heard.push(status));
  await nc.reconnect();
  await eventually(
    () => heard,
    (all) => all.includes('reconnect') && all.at(-1) !== 'disconnected',
  );
  await sleep(5);
  return undefined;
}

export const listenerHooks: readonly ServiceHook[] = [
  subscribing('next', (all, act) => all.subscribe(act)),
  subscribing('next of an observer', (all, act) => all.subscribe({ next: act })),
  subscribing('map', (all, act) => all.pipe(map(act)).subscribe(() => undefined), { behaviors: OF_A_GETTER }),
  subscribing('tap', (all, act) => all.pipe(tap(act)).subscribe(), { behaviors: OF_A_GETTER }),
  subscribing('share', (all, act) => all.pipe(share()).subscribe(act)),
  subscribing('error', (all, act) =>
    all
      .pipe(
        map(() => {
          throw new Error('for error');
        }),
      )
      .subscribe({ error: act }),
  ),
  subscribing('complete', (all, act) => all.pipe(take(1)).subscribe({ complete: act })),
  // rxjs itself discards errors of a teardown after the end of its observable.
  subscribing('teardown', (all, act) => all.pipe(take(1), finalize(act)).subscribe(), {
    behaviors: OF_A_GETTER,
    silent: true,
  }),
  {
    name: '@OnJetStreamEvent',
    logged: () => ['Listening.on'],
    async use(bench, { act }) {
      let called = 0;
      listener.act = () => (called++, act());
      await makeEvents(bench);
      await eventually(
        () => called,
        (count) => count === 1,
      );
      listener.act = undefined;
      return undefined;
    },
  },
  {
    name: 'listener of a connection',
    logged: () => ['onPermissionDenied of a listener', 'default'],
    async use({ jetstream }, { id, act }) {
      const { connection } = jetstream;
      let called = 0;
      let others = 0;
      const forget = connection.listen({ onPermissionDenied: () => (called++, act()) });
      const forgetOther = connection.listen({ onPermissionDenied: () => void others++ });
      connection.nc.publish(`${FORBIDDEN}.${id}`);
      connection.nc.publish(`${FORBIDDEN}.${id}`);
      await eventually(
        () => [called, others],
        ([a, b]) => a === 2 && b === 2,
      );
      forget();
      forgetOther();
      return undefined;
    },
  },
  {
    name: 'callback of a subscription of the application',
    logged: ({ id }) => ['subscription', id],
    async use({ jetstream }, { id, act }) {
      const { nc } = jetstream.connection;
      let called = 0;
      const subscription = nc.subscribe(id, { callback: () => (called++, act()) });
      nc.publish(id);
      nc.publish(id);
      await eventually(
        () => called,
        (count) => count === 2,
      );
      subscription.unsubscribe();
      return undefined;
    },
  },
  {
    name: 'reply handler of a request',
    logged: ({ id }) => ['request', id],
    async use({ jetstream }, { id, act }) {
      const { nc } = jetstream.connection;
      const answering = nc.subscribe(id, { callback: (_, message) => void message.respond('yes') });
      let called = 0;
      const onReply = (): never => (called++, act());
      jetstream.requests.send(id, '', {}, onReply);
      jetstream.requests.open(id, '', {}, onReply);
      await eventually(
        () => called,
        (count) => count === 2,
      );
      answering.unsubscribe();
      return undefined;
    },
  },
  {
    name: 'onRepeat of a request',
    logged: ({ id }) => ['onRepeat', id],
    async use({ jetstream }, { id, act }) {
      const silent = jetstream.connection.nc.subscribe(id, { callback: () => undefined });
      let called = 0;
      const onRepeat = (): never => (called++, act());
      const options = { timeout: 400, idempotent: true, onRepeat };
      await jetstream.requests.request(id, '', options).catch(() => undefined);
      silent.unsubscribe();
      if (called === 0) throw new Error('it was not called');
      return undefined;
    },
  },
  {
    name: 'listener of a client',
    logged: () => ['disconnect'],
    use: (bench, { act }) => reconnecting(bench, (client) => client.on('disconnect', act)),
  },
  {
    name: 'subscriber of the status of a client',
    logged: () => ['status'],
    use: (bench, { act }) => reconnecting(bench, (client) => void client.status.subscribe(act)),
  },
  {
    name: 'teardown of a subscription to the status of a client',
    behaviors: OF_A_GETTER,
    silent: true,
    use: (bench, { act }) =>
      reconnecting(bench, (client) => void client.status.pipe(take(2), finalize(act)).subscribe()),
  },
];
