import { Injectable, Module } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { Parser } from '@asyncapi/parser';
import { defineMessage, JetStreamModule, JsConsumer, KvWatch, NatsSubscribe } from 'nestjs-nats-jetstream';
import type { AsyncApiDocument } from 'nestjs-nats-jetstream/asyncapi';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { documentOf, documentWith } from './create-document.js';

const parser = new Parser();

/** The findings of the parser that make a document invalid. */
async function errorsIn(document: AsyncApiDocument): Promise<readonly string[]> {
  const { diagnostics } = await parser.parse(JSON.stringify(document));
  return diagnostics
    .filter(({ severity }) => String(severity) === '0')
    .map(({ code, path, message }) => `${String(code)} ${path.join('.')}: ${message}`);
}

describe('a document', { timeout: 60_000 }, () => {
  it('has both messages of two versions on one subject, in one channel', async () => {
    const versions = [1, 2].map((version) =>
      defineMessage({
        subject: 'orders.:id.placed',
        name: `OrderPlaced.v${version}`,
        schema: z.object({ version: z.literal(version) }),
      }),
    );
    const [first, second] = versions;
    @Injectable()
    class Old {
      @JsConsumer(first, { durable: 'old' })
      onPlaced(): void {}
    }
    @Injectable()
    class New {
      @JsConsumer(second, { durable: 'new' })
      onPlaced(): void {}
    }
    const { document } = await documentWith([first], { providers: [Old, New] });
    expect(Object.keys(document.channels)).toEqual(['OrderPlaced.v1']);
    expect(Object.keys(document.channels['OrderPlaced.v1']?.messages ?? {})).toEqual([
      'OrderPlaced.v1',
      'OrderPlaced.v2',
    ]);
    expect(document.operations['New.onPlaced']?.messages).toEqual([
      { $ref: '#/channels/OrderPlaced.v1/messages/OrderPlaced.v2' },
    ]);
    expect(await errorsIn(document)).toEqual([]);
  });

  it('has no address for a subject with braces', async () => {
    const braces = defineMessage({ subject: 'orders.{x}.:id', schema: z.string() });
    @Injectable()
    class Service {
      @NatsSubscribe('notes.{a}.*')
      onNote(): void {}

      @KvWatch('settings', { keys: 'a.*.>' })
      onKey(): void {}
    }
    const { document } = await documentWith([braces], { providers: [Service] });
    const addresses = Object.values(document.channels).map(({ address }) => address);
    expect(addresses).toEqual(['$KV.settings.a.{token1}.{rest}', null, null]);
    expect(await errorsIn(document)).toEqual([]);
  });

  it('keeps names of operations, channels and servers apart that differ only in unusual characters', async () => {
    const one = defineMessage({ subject: 'a-b', name: 'a.b' });
    const two = defineMessage({ subject: 'a.b', name: 'a-b' });
    const names = ['a/b', 'a.b', 'constructor', '__proto__'];
    @Injectable()
    class Service {
      @NatsSubscribe('x y'.replace(' ', '/'), { connection: 'a/b' })
      slash(): void {}

      @NatsSubscribe('x.y', { connection: 'a.b' })
      dot(): void {}
    }
    const { document } = await documentOf({
      imports: [
        JetStreamModule.forRoot({ connect: false }),
        JetStreamModule.forFeature({ messages: [one, two] }),
        ...names.map((name) => JetStreamModule.forRoot({ name, connect: false })),
      ],
      providers: [Service],
    });
    expect(Object.keys(document.servers)).toHaveLength(5);
    const connections = Object.values(document.servers).map((server) => server['x-jetstream'].connection);
    expect(connections.toSorted()).toEqual(['__proto__', 'a.b', 'a/b', 'constructor', 'default']);
    const serverOf = (operation: string): string | undefined => {
      const reference = document.operations[operation]?.channel.$ref.split('/').at(-1) ?? '';
      const server = document.channels[reference]?.servers[0]?.$ref.split('/').at(-1) ?? '';
      return document.servers[server]?.['x-jetstream'].connection;
    };
    expect(serverOf('Service.slash')).toBe('a/b');
    expect(serverOf('Service.dot')).toBe('a.b');
    expect(await errorsIn(document)).toEqual([]);
  });

  it('has the handlers of a class that two modules provide once for each module', async () => {
    @Injectable()
    class Shared {
      @NatsSubscribe('shared.*')
      onShared(): void {}
    }
    @Module({ providers: [Shared] })
    class OneModule {}
    @Module({ providers: [Shared] })
    class TwoModule {}
    const { document } = await documentWith([], { imports: [OneModule, TwoModule] });
    expect(Object.keys(document.operations)).toEqual([
      'OneModule.Shared.onShared',
      'TwoModule.Shared.onShared',
    ]);
    expect(Object.keys(document.channels)).toEqual(['shared.token1']);
    expect(await errorsIn(document)).toEqual([]);
  });

  it('has messages, operations and channels with the names of properties that every object has', async () => {
    const names = ['constructor', 'toString', '__proto__'];
    const messages = names.map((name) =>
      defineMessage({
        subject: `names.${name}`,
        name,
        headers: name === '__proto__' ? {} : { [name]: 'a header' },
      }),
    );
    const { document } = await documentWith(messages);
    expect(Object.keys(document.components.messages)).toEqual(names.map((name) => `${name}_`).toSorted());
    expect(Object.keys(document.channels)).toEqual(names.map((name) => `${name}_`).toSorted());
    const header = { type: 'string', description: 'a header' };
    const [first] = Object.values(document.components.messages).slice(1);
    expect(first?.headers).toEqual({ type: 'object', properties: { constructor: header } });
    expect(await errorsIn(document)).toEqual([]);
  });

  it('leaves out what a class has besides its decorated methods', async () => {
    class Base {
      @MessagePattern('inherited')
      inherited(): number {
        return 1;
      }
    }
    @Injectable()
    class Service extends Base {
      @NatsSubscribe('decorated')
      decorated(): void {}

      helper(): void {}
    }
    const { document } = await documentWith([], { providers: [Service] });
    expect(Object.keys(document.operations)).toEqual(['Service.decorated']);
  });

  it('of 2,000 contracts with handlers is created within seconds', async () => {
    const contracts = Array.from({ length: 2_000 }, (_, i) =>
      defineMessage({ subject: `area${i}.:id.changed`, schema: z.object({ id: z.string(), n: z.int() }) }),
    );
    class Many {
      readonly isLarge = true;
    }
    contracts.forEach((contract, i) => {
      const descriptor = { value: (): void => undefined, configurable: true, writable: true };
      Object.defineProperty(Many.prototype, `on${i}`, descriptor);
      if (i % 2 === 0) JsConsumer(contract, { durable: `c${i}` })(Many.prototype, `on${i}`, descriptor);
      else NatsSubscribe(contract.filter)(Many.prototype, `on${i}`, descriptor);
    });
    Injectable()(Many);
    const before = performance.now();
    const { document } = await documentWith(contracts, { providers: [Many] });
    const took = performance.now() - before;
    expect(Object.keys(document.channels)).toHaveLength(2_000);
    expect(Object.keys(document.operations)).toHaveLength(4_000);
    expect(document.operations['Many.on1']?.messages).toEqual([
      { $ref: '#/channels/area1.id.changed/messages/area1.id.changed' },
    ]);
    // Less than a second on an idle machine, including the start of the application.
    expect(took).toBeLessThan(20_000);
  });
});
