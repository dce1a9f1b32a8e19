import { defineMessage, JetStreamModule, JetStreamService } from 'nestjs-nats-jetstream';
import { JetStreamServer } from 'nestjs-nats-jetstream/microservice';
import { JetStreamTestKit } from 'nestjs-nats-jetstream/testing';
import 'nestjs-nats-jetstream/testing/jest';
import { Alarms } from './alarms';
import { AppModule } from './app.module';
import { Readings } from './readings';

const AlarmRaised = defineMessage({ subject: 'alarms.raised' });

describe('a test kit in Jest', () => {
  let kit: JetStreamTestKit;

  beforeAll(async () => {
    kit = await JetStreamTestKit.start({ imports: [AppModule.on('nats://production.invalid')] });
  });

  afterAll(() => kit.close());

  it('follows a reading to the watch of its bucket', async () => {
    const reading = { sensor: 'k1', degrees: 20 };
    const flow = await kit.publish('readings.k1', reading).settled();
    expect(flow).toHaveHandled('Readings.onReading', { outcome: 'acked', payload: reading });
    expect(flow).toHaveHandled('Readings.onLatest', { subject: 'k1', payload: reading });
    expect(flow).not.toHaveDeadLettered();
  });

  it('records calls, and sees spies of Jest', async () => {
    const own = kit.spyOn('Readings.onLatest');
    const spy = jest.spyOn(kit.get(Readings), 'onReading');
    await kit.publish('readings.k2', { sensor: 'k2', degrees: 21 }).settled();
    expect(own).toHaveBeenCalledTimes(1);
    expect(spy).toHaveBeenCalledWith({ sensor: 'k2', degrees: 21 }, expect.anything());
  });

  it('records the calls of a handler of a microservice', async () => {
    const started = await JetStreamTestKit.start({
      imports: [
        AppModule.on('nats://production.invalid'),
        JetStreamModule.forFeature({ streams: [{ name: 'ALARMS', subjects: ['alarms.*'] }] }),
      ],
      controllers: [Alarms],
      http: true,
      configure: (app) => {
        const strategy = new JetStreamServer({ name: 'alarms', connection: app.get(JetStreamService) });
        app.connectMicroservice({ strategy });
        return app.startAllMicroservices();
      },
    });
    const spy = started.spyOn('Alarms.onRaised');
    const alarm = { sensor: 'k3', degrees: 40 };
    const flow = await started.publish(AlarmRaised, {}, alarm).settled();
    expect(flow.handled.map(({ outcome }) => outcome)).toEqual(['retried', 'acked']);
    expect(spy).toHaveBeenCalledTimes(2);
    expect(spy).toHaveBeenCalledWith(alarm);
    expect((await started.handled(AlarmRaised)).payload).toEqual(alarm);
    await started.close();
  });
});
