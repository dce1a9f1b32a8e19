import {
  BadRequestException,
  Controller,
  HttpException,
  Injectable,
  NotFoundException,
  Scope,
  UnprocessableEntityException,
  ValidationPipe,
  type PipeTransform,
  type ValidationError,
} from '@nestjs/common';
import { EventPattern, MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import { IsInt } from 'class-validator';
import {
  DEAD_LETTER_STREAM,
  JetStreamService,
  JsConsumer,
  RetryMessage,
  TerminateMessage,
  type StoredMessage,
} from 'nestjs-nats-jetstream';
import { JetStreamExceptionFilter } from 'nestjs-nats-jetstream/microservice';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMicroservice } from '../microservice/microservice.js';
import { startApplication } from '../support/application.js';
import { eventually } from '../support/eventually.js';

/** The thrown value of a case, and the text of its dead letter; without a text, the message is retried. */
type Case = readonly [error: () => unknown, letter?: string];

const thrownByPipe: Record<string, Case> = {
  BadRequestException: [() => new BadRequestException('no id'), 'invalid payload: no id'],
  'BadRequestException with a list': [
    () => new BadRequestException(['no id', 'no name']),
    'invalid payload: no id; no name',
  ],
  UnprocessableEntityException: [() => new UnprocessableEntityException('no id'), 'invalid payload: no id'],
  NotFoundException: [() => new NotFoundException('no customer 7'), 'invalid payload: no customer 7'],
  'HttpException with a redirection': [() => new HttpException('moved', 301), 'invalid payload: moved'],
  'HttpException of the server': [() => new HttpException('database is away', 503)],
  RpcException: [() => new RpcException('no id'), 'invalid payload: no id'],
  'RpcException with an object': [
    () => new RpcException({ code: 7, message: ['no id', 'no name'] }),
    'invalid payload: no id; no name',
  ],
  'RpcException with other content': [() => new RpcException({ code: 7 }), 'invalid payload: {"code":7}'],
  Error: [() => new Error('database is away')],
  'a string': [() => 'database is away'],
  RetryMessage: [() => new RetryMessage(1)],
  TerminateMessage: [() => new TerminateMessage('no such customer'), 'no such customer'],
};

const thrownByHandler: Record<string, Case> = {
  BadRequestException: [() => new BadRequestException('no id')],
  NotFoundException: [() => new NotFoundException()],
  RpcException: [() => new RpcException('busy')],
  Error: [() => new Error('busy')],
  TerminateMessage: [() => new TerminateMessage('no such customer'), 'no such customer'],
};

const cases = new Map<string, Case>([
  ...Object.entries(thrownByPipe).map(([name, each]) => [`pipe: ${name}`, each] as const),
  ...Object.entries(thrownByHandler).map(([name, each]) => [`handler: ${name}`, each] as const),
]);
const letters = Object.fromEntries(
  [...cases].flatMap(([name, [, letter]]) => (letter === undefined ? [] : [[name, letter]])),
);
const retried = [...cases].filter(([, [, letter]]) => letter === undefined).map(([name]) => name);

/** Throws in the first attempt. */
class Attempts {
  readonly counts = new Map<string, number>();
  readonly handled: string[] = [];

  throwFor(prefix: string, payload: unknown): void {
    const name = String(Array.isArray(payload) ? payload[0] : payload);
    if (!name.startsWith(prefix)) return;
    const count = (this.counts.get(name) ?? 0) + 1;
    this.counts.set(name, count);
    if (count === 1) throw cases.get(name)?.[0]();
  }
}

let attempts = new Attempts();

@Injectable()
class CasePipe implements PipeTransform {
  async transform(value: unknown): Promise<unknown> {
    attempts.throwFor('pipe', value);
    return value;
  }
}

function handle(payload: unknown): void {
  attempts.throwFor('handler', payload);
  attempts.handled.push(String(Array.isArray(payload) ? payload[0] : payload));
}

class Numbered {
  @IsInt()
  id!: number;
}

describe('payloads rejected by pipes, and errors of handlers, have the same effect in every form', () => {
  let server: NatsTestServer;
  let serial = 0;

  beforeAll(async () => {
    server = await NatsTestServer.start();
  });
  afterAll(() => server.stop());

  const rules = { deadLetter: true, retry: { maxDeliver: 3, backoff: [1] } };

  interface Running extends AsyncDisposable {
    readonly stream: string;
    publish(payload: unknown): Promise<void>;
    letters(): Promise<StoredMessage[]>;
  }

  /** Starts a class of handlers, in an application or as a microservice. */
  async function start(
    type: (stream: string) => new () => object,
    isMicroservice: boolean,
    providers: (new () => object)[] = [],
  ): Promise<Running> {
    const stream = `REFUSALS_${++serial}`;
    const streams = [{ name: stream, subjects: [stream], storage: 'memory' as const }];
    const Handlers = type(stream);
    const publisher = await startApplication(server.url, { feature: { streams } });
    const running = isMicroservice
      ? await startMicroservice(server.url, {
          controllers: [Handlers],
          providers,
          prepare: (app) => app.useGlobalFilters(new JetStreamExceptionFilter()),
        })
      : await startApplication(server.url, { providers: [Handlers, ...providers] });
    const jetstream = publisher.app.get(JetStreamService);
    return {
      stream,
      publish: async (payload) => void (await jetstream.publish(stream, JSON.stringify(payload))),
      letters: async () => {
        const kept = await jetstream.stream(DEAD_LETTER_STREAM);
        const found: StoredMessage[] = [];
        const { lastSequence } = (await kept.info()).state;
        for (let sequence = 1; sequence <= lastSequence; sequence++) {
          const letter = await kept.getMessage(sequence);
          if (letter.headers?.get('Dead-Letter-Stream') === stream) found.push(letter);
        }
        return found;
      },
      [Symbol.asyncDispose]: async () => {
        await running[Symbol.asyncDispose]();
        await publisher[Symbol.asyncDispose]();
      },
    };
  }

  const forms: [string, (stream: string) => new () => object, boolean][] = [
    [
      '@JsConsumer',
      (stream) => {
        @Injectable()
        class Refusals {
          @JsConsumer({ stream, durable: 'on', ...rules })
          on(@Payload(CasePipe) payload: string): void {
            handle(payload);
          }
        }
        return Refusals;
      },
      false,
    ],
    [
      'a request-scoped @JsConsumer',
      (stream) => {
        @Injectable({ scope: Scope.REQUEST })
        class Refusals {
          @JsConsumer({ stream, durable: 'on', ...rules })
          async on(@Payload(CasePipe) payload: string): Promise<void> {
            handle(payload);
          }
        }
        return Refusals;
      },
      false,
    ],
    [
      'an idempotent @JsConsumer with orderBy',
      (stream) => {
        @Injectable()
        class Refusals {
          @JsConsumer({ stream, durable: 'on', idempotent: { bucket: 'refusals' }, orderBy: 0, ...rules })
          async on(@Payload(CasePipe) payload: string): Promise<void> {
            handle(payload);
          }
        }
        return Refusals;
      },
      false,
    ],
    [
      '@JsConsumer with batches',
      (stream) => {
        @Injectable()
        class Refusals {
          @JsConsumer({ stream, durable: 'on', batch: { size: 1 }, ...rules })
          on(@Payload(CasePipe) payloads: string[]): void {
            handle(payloads);
          }
        }
        return Refusals;
      },
      false,
    ],
    [
      'an ordered @JsConsumer',
      (stream) => {
        @Injectable()
        class Refusals {
          @JsConsumer({ stream, ordered: true, ...rules })
          on(@Payload(CasePipe) payload: string): void {
            handle(payload);
          }
        }
        return Refusals;
      },
      false,
    ],
    [
      '@EventPattern',
      (stream) => {
        @Controller()
        class Refusals {
          @EventPattern(stream, rules)
          on(@Payload(CasePipe) payload: object): void {
            handle(payload);
          }
        }
        return Refusals;
      },
      true,
    ],
  ];

  it.each(forms)('%s', async (_, type, isMicroservice) => {
    attempts = new Attempts();
    await using running = await start(type, isMicroservice, [CasePipe]);
    for (const name of cases.keys()) await running.publish(name);
    const found = await eventually(running.letters, ({ length }) => length >= Object.keys(letters).length);
    const texts = Object.fromEntries(
      found.map((letter) => [letter.json<string>(), letter.headers?.get('Dead-Letter-Error')]),
    );
    expect(Object.keys(texts).toSorted()).toEqual(Object.keys(letters).toSorted());
    for (const [name, letter] of Object.entries(letters)) expect(texts[name]).toContain(letter);
    await eventually(
      () => attempts.handled,
      ({ length }) => length === retried.length,
    );
    expect(attempts.handled.toSorted()).toEqual(retried.toSorted());
  });

  it('a durable @MessagePattern: a payload rejected by a pipe becomes a dead letter too', async () => {
    attempts = new Attempts();
    await using running = await start(
      (stream) => {
        @Controller()
        class Refusals {
          @MessagePattern(stream, { mode: 'jetstream', ...rules })
          on(@Payload(CasePipe) payload: object): void {
            handle(payload);
          }
        }
        return Refusals;
      },
      true,
      [CasePipe],
    );
    const names = [
      'pipe: NotFoundException',
      'pipe: RpcException',
      'pipe: Error',
      'handler: BadRequestException',
    ];
    for (const name of names) await running.publish(name);
    const found = await eventually(running.letters, ({ length }) => length >= 2);
    expect(found.map((letter) => letter.json<string>()).toSorted()).toEqual(names.slice(0, 2));
    await eventually(
      () => attempts.handled,
      ({ length }) => length === 2,
    );
    expect(attempts.handled.toSorted()).toEqual(names.slice(2).toSorted());
  });

  const factories: [string, ((errors: ValidationError[]) => unknown) | undefined][] = [
    ['of its own', undefined],
    ['with an RpcException of the errors', (errors) => new RpcException(errors)],
    [
      'with an Error of the texts',
      (errors) => new Error(JSON.stringify(errors.map((each) => each.constraints))),
    ],
    ['with the errors themselves', (errors) => errors],
    ['with a text', (errors) => Object.values(errors[0].constraints ?? {}).join()],
    ['with an HttpException of the server', (errors) => new HttpException({ errors, message: errors }, 500)],
  ];

  describe.each([
    ['@JsConsumer', false],
    ['@EventPattern', true],
  ])('a ValidationPipe of %s', (_, isMicroservice) => {
    // In a microservice, a thrown text cannot be distinguished from one that the handler throws.
    it.each(isMicroservice ? factories.filter(([name]) => name !== 'with a text') : factories)(
      'that throws an error %s: one delivery, and the dead letter contains the reason',
      async (__, factory) => {
        let calls = 0;
        const pipe = new ValidationPipe({ exceptionFactory: factory as never });
        await using running = await start((stream) => {
          @Controller()
          class Refusals {
            @EventPattern<unknown>(isMicroservice ? stream : 'unused', rules)
            @JsConsumer({ stream, durable: 'on', ...rules })
            on(@Payload(pipe) _payload: Numbered): void {
              calls++;
            }
          }
          return Refusals;
        }, isMicroservice);
        await running.publish({ id: 'one' });
        const [letter] = await eventually(running.letters, ({ length }) => length > 0);
        expect(letter.headers?.get('Dead-Letter-Error')).toContain('id must be an integer number');
        expect(letter.headers?.get('Dead-Letter-Deliveries')).toBe('1');
        expect(letter.headers?.get('Dead-Letter-Reason')).toBe('invalid payload');
        expect(calls).toBe(0);
      },
    );
  });
});
