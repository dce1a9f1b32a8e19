import { BullModule, InjectQueue, OnWorkerEvent, Processor, WorkerHost } from '@nestjs/bullmq';
import { Injectable, Module } from '@nestjs/common';
import { UnrecoverableError, type Job, type Queue } from 'bullmq';

interface Video {
  readonly id: string;
}

const encode = (_video: Video): Promise<void> => Promise.resolve();

// #region queue
@Injectable()
export class Uploads {
  constructor(@InjectQueue('videos') private readonly videos: Queue<Video>) {}

  async uploaded(video: Video): Promise<void> {
    await this.videos.add('encode', video, {
      jobId: video.id, // once per id
      attempts: 5,
      backoff: { type: 'exponential', delay: 1_000 },
      removeOnComplete: true,
    });
  }
  // #endregion

  // #region delayed
  async remind(video: Video): Promise<void> {
    await this.videos.add('remind', video, { delay: 3_600_000 });
  }

  async daily(): Promise<void> {
    await this.videos.upsertJobScheduler('cleanup', { pattern: '0 0 6 * * *', tz: 'Europe/Amsterdam' });
  }
  // #endregion

  // #region control
  async maintain(run: () => Promise<void>): Promise<void> {
    await this.videos.pause();
    await run();
    await this.videos.resume();
  }

  async retryFailed(): Promise<void> {
    for (const job of await this.videos.getFailed()) await job.retry();
  }
  // #endregion
}

// #region processor
@Processor('videos', { concurrency: 4, limiter: { max: 100, duration: 60_000 } })
export class Encoder extends WorkerHost {
  async process(job: Job<Video>): Promise<void> {
    if (job.data.id === '') throw new UnrecoverableError('a video without an id');
    await encode(job.data);
  }

  @OnWorkerEvent('failed')
  onFailed(job: Job<Video> | undefined, error: Error): void {
    console.error(job?.id, error.message);
  }
}
// #endregion

// #region module
@Module({
  imports: [
    BullModule.forRoot({ connection: { host: 'localhost', port: 6379 } }),
    BullModule.registerQueue({ name: 'videos' }),
  ],
  providers: [Uploads, Encoder],
})
export class AppModule {}
// #endregion
