import { JetStreamTestKit } from 'nestjs-nats-jetstream/testing';
import 'nestjs-nats-jetstream/testing/jest';
import { AppModule } from './app.module';
import { Readings } from './readings';

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
});
