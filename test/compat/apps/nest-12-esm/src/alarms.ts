import { Controller, type DynamicModule, Module } from '@nestjs/common';
import { ClientsModule, EventPattern, MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import { type EventExtras, JetStreamClient, JetStreamServer } from 'nestjs-nats-jetstream/microservice';
import { ReplaySubject } from 'rxjs';
import type { Reading } from './readings.js';

/** A service on the transport: receives alarms as durable events, and answers requests for the limits of sensors. */
@Controller()
export class Alarms {
  /** The number of deliveries of alarms, including those that failed. */
  deliveries = 0;
  readonly handled = new ReplaySubject<Reading>();

  @EventPattern('alarms.raised', { retry: { backoff: [10] } } satisfies EventExtras)
  onRaised(@Payload() alarm: Reading): void {
    this.deliveries++;
    if (this.deliveries === 1) throw new Error('not ready yet');
    this.handled.next(alarm);
  }

  @MessagePattern({ limit: 'degrees' })
  limitOf(@Payload() sensor: string): number {
    if (sensor === 'unknown') throw new RpcException({ code: 404, message: 'no such sensor' });
    return 30;
  }
}

@Module({ controllers: [Alarms] })
export class AlarmsModule {
  static on(servers: string): DynamicModule {
    return {
      module: AlarmsModule,
      imports: [
        ClientsModule.register([
          { name: 'ALARMS', customClass: JetStreamClient, options: { connection: { servers } } },
        ]),
      ],
    };
  }
}

export function alarmsTransport(servers: string): JetStreamServer {
  return new JetStreamServer({
    name: 'alarms',
    connection: { servers },
    streams: [{ name: 'ALARMS', subjects: ['alarms.*'] }],
  });
}
