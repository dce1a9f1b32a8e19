import { type INestMicroservice } from '@nestjs/common';
import { type ClientProxy, RpcException } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { firstValueFrom } from 'rxjs';
import { Alarms, AlarmsModule, alarmsTransport } from './alarms.js';

describe('a microservice on Nest 12', () => {
  let server: NatsTestServer;
  let service: INestMicroservice;
  let client: ClientProxy;

  beforeAll(async () => {
    server = await NatsTestServer.start();
    const module = await Test.createTestingModule({ imports: [AlarmsModule.on(server.url)] }).compile();
    service = module.createNestMicroservice({ strategy: alarmsTransport(server.url) });
    await service.listen();
    client = service.get('ALARMS');
  });

  afterAll(async () => {
    await service.close();
    await server.stop();
  });

  it('receives a durable event, and receives it again after a failure', async () => {
    const alarm = { sensor: 's1', degrees: 99 };
    expect(await firstValueFrom(client.emit('alarms.raised', alarm))).toMatchObject({ stream: 'ALARMS' });
    expect(await firstValueFrom(service.get(Alarms).handled)).toEqual(alarm);
    expect(service.get(Alarms).deliveries).toBe(2);
  });

  it('answers requests, with errors too', async () => {
    const limitOf = (sensor: string) => firstValueFrom(client.send<number>({ limit: 'degrees' }, sensor));
    expect(await limitOf('s1')).toBe(30);
    const error: unknown = await limitOf('unknown').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RpcException);
    expect((error as RpcException).getError()).toEqual({ code: 404, message: 'no such sensor' });
  });
});
