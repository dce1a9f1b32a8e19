import { Controller, Get, Injectable, Param, Post } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  JetStreamModule,
  JsSchedule,
  PublishTo,
  ScheduleContext,
  type ScheduleInfo,
  Schedules,
} from 'nestjs-nats-jetstream';

@Injectable()
export class Settings {
  readonly worker: boolean = true;
}

const REPORTS = { create: (_time: Date): Promise<string> => Promise.resolve('report') };
const RATES = { refresh: (): Promise<void> => Promise.resolve() };

@Injectable()
export class Reports {
  // #region first
  @JsSchedule('0 0 6 * * *', { timeZone: 'Europe/Amsterdam' })
  async daily(@Ctx() { run }: ScheduleContext): Promise<void> {
    await this.reports.create(run.dueTime);
  }

  @JsSchedule({ every: 30_000 }, { catchUp: 'none' })
  async refresh(): Promise<void> {
    await this.rates.refresh();
  }

  @JsSchedule({ at: new Date('2030-01-01T00:00:00Z') })
  launch(): void {}
  // #endregion

  // #region enabled
  @JsSchedule('0 30 1 * * *', {
    enabled: { inject: [Settings], useFactory: (settings: Settings) => settings.worker },
  })
  async cleanUp(): Promise<void> {
    await this.rates.refresh();
  }
  // #endregion

  private readonly reports = REPORTS;
  private readonly rates = RATES;
}

interface Invoice {
  readonly month: number;
}

@Injectable()
export class Invoices {
  // #region reliable
  @JsSchedule('0 0 3 1 * *', {
    name: 'monthly-invoices',
    ackWait: 60_000,
    retry: { maxDeliver: 10, backoff: [1_000, 60_000, 600_000] },
    deadLetter: true,
    idempotent: { bucket: 'invoices-done' },
    overlap: 'queue',
  })
  @PublishTo('invoices.created')
  create(@Ctx() { run }: ScheduleContext): Invoice {
    return { month: run.dueTime.getUTCMonth() };
  }
  // #endregion
}

@Injectable()
export class Reminders {
  // #region payload
  @JsSchedule('0 0 9 * * mon')
  remind(@Payload() customer: string | undefined, @Ctx() { run }: ScheduleContext): void {
    if (run.trigger === 'schedule') this.remindAll();
    else this.remindOne(customer ?? '');
  }
  // #endregion

  readonly reminded: string[] = [];

  private remindAll(): void {
    this.reminded.push('all');
  }

  private remindOne(customer: string): void {
    this.reminded.push(customer);
  }
}

// #region control
@Controller('schedules')
export class SchedulesController {
  constructor(private readonly schedules: Schedules) {}

  @Get()
  list(): Promise<ScheduleInfo[]> {
    return this.schedules.list();
  }

  @Post(':name/pause')
  pause(@Param('name') name: string): Promise<boolean> {
    return this.schedules.pause(name);
  }

  @Post(':name/resume')
  resume(@Param('name') name: string): Promise<boolean> {
    return this.schedules.resume(name);
  }

  @Post(':name/run')
  run(@Param('name') name: string): Promise<string> {
    return this.schedules.runNow(name);
  }
}
// #endregion

export async function plan(schedules: Schedules): Promise<boolean> {
  // #region at
  const tomorrow = new Date(Date.now() + 86_400_000);
  const id = await schedules.at('Reminders.remind', tomorrow, 'Sue');
  const canceled = await schedules.cancel('Reminders.remind', id);
  // #endregion
  return canceled;
}

export const module = (): unknown =>
  // #region module
  JetStreamModule.forRoot({
    schedules: { application: 'billing', stream: { name: 'BILLING_SCHEDULES', replicas: 3 } },
  });
// #endregion
