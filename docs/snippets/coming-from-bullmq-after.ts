import { Injectable, Module } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  DeadLetterContext,
  DeadLetters,
  Handlers,
  JetStreamModule,
  JetStreamService,
  JsConsumer,
  JsSchedule,
  OnDeadLetter,
  TerminateMessage,
} from 'nestjs-nats-jetstream';

interface Video {
  readonly id: string;
}

const encode = (_video: Video): Promise<void> => Promise.resolve();
const cleanUp = (): Promise<void> => Promise.resolve();

// #region queue
@Injectable()
export class Uploads {
  constructor(
    private readonly jetstream: JetStreamService,
    private readonly handlers: Handlers,
    private readonly deadLetters: DeadLetters,
  ) {}

  async uploaded(video: Video): Promise<void> {
    await this.jetstream.publish('videos.encode', video, { messageId: video.id }); // once per id
  }
  // #endregion

  // #region delayed
  async remind(video: Video): Promise<void> {
    await this.jetstream.publish(`videos.reminders.${video.id}`, video, {
      schedule: { at: new Date(Date.now() + 3_600_000), target: 'videos.remind' },
    });
  }
  // #endregion

  // #region control
  async maintain(run: () => Promise<void>): Promise<void> {
    await this.jetstream.pauseConsumer('VIDEOS', 'encoder', new Date(Date.now() + 3_600_000));
    await run();
    await this.jetstream.resumeConsumer('VIDEOS', 'encoder');
  }

  async pauseHere(run: () => Promise<void>): Promise<void> {
    await this.handlers.pause('Encoder.process');
    await this.handlers.idle('Encoder.process');
    await run();
    await this.handlers.resume('Encoder.process');
  }

  async retryFailed(): Promise<void> {
    await this.deadLetters.replayAll({ stream: 'VIDEOS' });
  }
  // #endregion
}

// #region processor
@Injectable()
export class Encoder {
  @JsConsumer({
    stream: 'VIDEOS',
    durable: 'encoder',
    filterSubjects: 'videos.encode',
    concurrency: 4,
    rateLimit: { messages: 100, per: 60_000 },
    retry: { maxDeliver: 5, backoff: [1_000, 2_000, 4_000, 8_000] },
    deadLetter: true,
  })
  async process(@Payload() video: Video): Promise<void> {
    if (video.id === '') throw new TerminateMessage('a video without an id');
    await encode(video);
  }

  @OnDeadLetter({ stream: 'VIDEOS' })
  onFailed(@Payload() video: Video, @Ctx() { deadLetter }: DeadLetterContext): void {
    console.error(video.id, deadLetter.error);
  }
}
// #endregion

// #region schedule
@Injectable()
export class Cleaning {
  @JsSchedule('0 0 6 * * *', { timeZone: 'Europe/Amsterdam' })
  async daily(): Promise<void> {
    await cleanUp();
  }
}
// #endregion

// #region module
@Module({
  imports: [
    JetStreamModule.forRoot({ connection: { servers: process.env.NATS_URL ?? 'localhost:4222' } }),
    JetStreamModule.forFeature({
      streams: [
        {
          name: 'VIDEOS',
          subjects: ['videos.>'],
          retention: 'workqueue', // a handled message is removed
          duplicateWindow: 3_600_000,
          allowMessageSchedules: true,
        },
      ],
    }),
  ],
  providers: [Uploads, Encoder, Cleaning],
})
export class AppModule {}
// #endregion
