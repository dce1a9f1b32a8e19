import { Test, TestingModule } from '@nestjs/testing';
import { getKeyValueToken, JetStreamService, KeyValue } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { AppModule } from './app.module';
import { Reading, Readings } from './readings';

describe('a CommonJS application on Nest 11', () => {
  let server: NatsTestServer;
  let app: TestingModule;

  const start = async () => {
    app = await Test.createTestingModule({ imports: [AppModule.on(server.url)] }).compile();
    await app.init();
  };

  beforeAll(async () => {
    server = await NatsTestServer.start();
    await start();
  });

  afterAll(async () => {
    await app.close();
    await server.stop();
  });

  it('consumes published readings', async () => {
    for (let i = 0; i < 10; i++) {
      const ack = await app.get(JetStreamService).publish(`readings.s${i}`, { sensor: `s${i}`, degrees: i });
      expect(ack.sequence).toBe(i + 1);
    }
    await app.get(Readings).settled(10);
    expect(app.get(Readings).consumed).toEqual(
      Array.from({ length: 10 }, (_, i) => ({ sensor: `s${i}`, degrees: i })),
    );
    expect(app.get(Readings).subjects[9]).toBe('readings.s9');
  });

  it('watches a bucket', async () => {
    expect(app.get(Readings).watched.get('s3')).toEqual({ sensor: 's3', degrees: 3 });
    const entry = await app.get<KeyValue<Reading>>(getKeyValueToken('readings')).get('s4');
    expect(entry?.value).toEqual({ sensor: 's4', degrees: 4 });
  });

  it('has acknowledged everything when it shuts down', async () => {
    await app.close();
    await start();
    await app.get(JetStreamService).publish('readings.last', { sensor: 'last', degrees: 99 });
    await app.get(Readings).settled(1);
    expect(app.get(Readings).consumed).toEqual([{ sensor: 'last', degrees: 99 }]);
  });
});
