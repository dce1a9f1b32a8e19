import { Body, Controller, Module, Post } from '@nestjs/common';
import { JetStreamModule } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { describe, expect, it } from 'vitest';
import { createApplication, DocumentsController, UploadsModule } from '../../docs/snippets/object-store.js';

@Controller('orders')
class Orders {
  @Post()
  place(@Body() order: unknown): unknown {
    return order;
  }
}

describe('the example of uploads over HTTP', () => {
  it('stores JSON unchanged on one route and parses it on another, and needs the file of a form', async () => {
    await using server = await NatsTestServer.start();
    @Module({
      imports: [
        JetStreamModule.forRoot({ connection: { servers: server.url } }),
        JetStreamModule.forFeature({ objectStores: [{ bucket: 'documents' }] }),
        UploadsModule,
      ],
      controllers: [DocumentsController, Orders],
    })
    class App {}
    const app = await createApplication(App);
    app.useLogger(false);
    await app.listen(0, '127.0.0.1');
    const url = await app.getUrl();
    const json = { headers: { 'Content-Type': 'application/json' }, body: '{ "id": 1 }' };
    expect((await fetch(`${url}/documents/a.json`, { method: 'PUT', ...json })).status).toBe(200);
    expect(await (await fetch(`${url}/documents/a.json`)).text()).toBe('{ "id": 1 }');
    expect(await (await fetch(`${url}/orders`, { method: 'POST', ...json })).json()).toEqual({ id: 1 });
    const form = new FormData();
    form.set('name', 'no file');
    expect((await fetch(`${url}/uploads`, { method: 'POST', body: form })).status).toBe(400);
    await app.close();
  });
});
