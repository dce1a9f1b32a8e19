import {
  Controller,
  Injectable,
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { JetStreamRecord } from 'nestjs-nats-jetstream/microservice';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { FAILURES } from '../support/interceptor-failures.js';
import {
  ask,
  connectClient,
  emit,
  failure as failureOf,
  startMicroservice,
  type TestMicroservice,
} from './microservice.js';

interface Task {
  readonly id: string;
  readonly failure: string;
  /** How often the interceptor fails. Default: once. */
  readonly times?: number;
}

/** Nest itself treats arrays and strings as observables of their items. */
const failures = Object.keys(FAILURES).filter(
  (failure) => failure !== 'returns an array' && failure !== 'returns text',
);
const attempts = new Map<string, number>();
const handled: string[] = [];
let serial = 0;

@Injectable()
class Stumbling implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): never {
    const { id, failure, times = 1 } = context.switchToRpc().getData<Task>();
    const attempt = (attempts.get(id) ?? 0) + 1;
    attempts.set(id, attempt);
    return (attempt <= times ? FAILURES[failure].act() : next.handle()) as never;
  }
}

@Controller()
@UseInterceptors(Stumbling)
class Tasks {
  @EventPattern('tasks.event')
  onEvent(@Payload() { id }: Task): void {
    handled.push(id);
  }

  @MessagePattern('tasks.durable', { mode: 'jetstream' })
  onDurable(@Payload() { id }: Task): string {
    handled.push(id);
    return 'done';
  }

  @MessagePattern('calls.core')
  onCall(@Payload() { id }: Task): string {
    handled.push(id);
    return 'done';
  }
}

describe('an interceptor of patterns that returns no Observable', () => {
  let nats: NatsTestServer;
  let client: Awaited<ReturnType<typeof connectClient>>;
  let service: TestMicroservice;

  beforeAll(async () => {
    nats = await NatsTestServer.start();
    const retry = { maxDeliver: 3, backoff: [5] };
    service = await startMicroservice(nats.url, {
      controllers: [Tasks],
      server: {
        streams: [{ name: 'TASKS', subjects: ['tasks.*'], storage: 'memory' }],
        events: { retry },
        requests: { retry },
      },
    });
    client = await connectClient(nats.url);
  });
  afterAll(async () => {
    await client.close();
    await service.app.close();
    await nats.stop();
  });

  it.each(failures)('%s: an event is retried', async (failure) => {
    const task: Task = { id: String(++serial), failure };
    await emit(client, 'tasks.event', task);
    await eventually(
      () => handled,
      (all) => all.includes(task.id),
    );
    expect(attempts.get(task.id)).toBe(2);
  });

  it.each(failures)('%s: a durable request is retried and answered', async (failure) => {
    const task: Task = { id: String(++serial), failure };
    const answer = await ask(client, 'tasks.durable', new JetStreamRecord(task, { mode: 'jetstream' }));
    expect(answer).toBe('done');
    expect(attempts.get(task.id)).toBe(2);
  });

  it.each(failures)('%s: a request is answered with an error', async (failure) => {
    const task: Task = { id: String(++serial), failure };
    const error = await failureOf(ask(client, 'calls.core', task));
    expect(error.message).toBe('Internal server error');
    expect(handled).not.toContain(task.id);
  });

  it('a durable request whose interceptor never returns one is finally answered with an error', async () => {
    const task: Task = { id: String(++serial), failure: 'returns undefined', times: 3 };
    const error = await failureOf(
      ask(client, 'tasks.durable', new JetStreamRecord(task, { mode: 'jetstream' })),
    );
    expect(error.message).toBe('Internal server error');
    expect(attempts.get(task.id)).toBe(3);
  });
});
