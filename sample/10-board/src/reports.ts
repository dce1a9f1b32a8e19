import { Injectable } from '@nestjs/common';
import { JsSchedule } from 'nestjs-nats-jetstream';

@Injectable()
export class Reports {
  @JsSchedule({ every: 5_000 })
  daily(): void {
    // The board shows its runs.
  }
}
