import { Inject, Injectable } from '@nestjs/common';
import { Ctx } from '@nestjs/microservices';
import { JsSchedule, ScheduleContext } from 'nestjs-nats-jetstream';

/** The due times that were handled, in all instances of this process. */
export const handled: { readonly job: string; readonly due: number; readonly instance: string }[] = [];

/** Jobs that every instance declares. Each due time is handled by one of them. */
@Injectable()
export class Jobs {
  private readonly failures = 1;

  constructor(@Inject('INSTANCE') private readonly instance: string) {}

  @JsSchedule('* * * * * *', { overlap: 'allow' })
  tick(@Ctx() { run }: ScheduleContext): void {
    handled.push({ job: 'tick', due: run.dueTime.getTime() / 1_000, instance: this.instance });
  }

  @JsSchedule('0 0 6 * * mon-fri', {
    name: 'report',
    timeZone: 'Europe/Amsterdam',
    retry: { backoff: [100] },
  })
  report(@Ctx() { run }: ScheduleContext): void {
    console.log(`report: attempt ${run.attempt}, by ${run.trigger === 'now' ? 'hand' : 'schedule'}`);
    if (run.attempt <= this.failures) throw new Error('the printer has no paper');
    console.log('report: printed');
    handled.push({ job: 'report', due: run.dueTime.getTime() / 1_000, instance: this.instance });
  }
}
