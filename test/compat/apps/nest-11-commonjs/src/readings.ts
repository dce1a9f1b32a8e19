import { Injectable } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  InjectKeyValue,
  JetStreamContext,
  JsConsumer,
  KeyValue,
  KvContext,
  KvWatch,
} from 'nestjs-nats-jetstream';

export interface Reading {
  readonly sensor: string;
  readonly degrees: number;
}

/** Keeps the newest reading of each sensor in a bucket, and follows the bucket. */
@Injectable()
export class Readings {
  readonly consumed: Reading[] = [];
  readonly subjects: string[] = [];
  readonly watched = new Map<string, Reading | null>();
  private waiting: { readonly readings: number; readonly resolve: () => void } | undefined;

  constructor(@InjectKeyValue('readings') private readonly latest: KeyValue<Reading>) {}

  @JsConsumer({ stream: 'READINGS', durable: 'latest', filterSubjects: 'readings.*' })
  async onReading(@Payload() reading: Reading, @Ctx() context: JetStreamContext): Promise<void> {
    await this.latest.put(reading.sensor, reading);
    this.consumed.push(reading);
    this.subjects.push(context.subject);
    this.check();
  }

  @KvWatch('readings')
  onLatest(@Payload() reading: Reading | null, @Ctx() context: KvContext): void {
    this.watched.set(context.key, reading);
    this.check();
  }

  /** Resolves when that many readings, each of a different sensor, are consumed and were delivered by the watch. */
  settled(readings: number): Promise<void> {
    return new Promise((resolve) => {
      this.waiting = { readings, resolve };
      this.check();
    });
  }

  private check(): void {
    if (!this.waiting) return;
    const { readings, resolve } = this.waiting;
    if (this.consumed.length >= readings && this.watched.size >= readings) resolve();
  }
}
