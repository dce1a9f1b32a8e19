import type { INestApplicationContext } from '@nestjs/common';
import { jsonCodec, JetStreamService, KeyValueService, ObjectStoreService } from 'nestjs-nats-jetstream';
import type { Codec, KeyValue, ObjectStore, StreamDeclaration } from 'nestjs-nats-jetstream';
import { NatsTestServer } from 'nestjs-nats-jetstream/testing';
import type { ModuleMetadata } from '@nestjs/common';
import { startApplication, type TestApplication } from '../../../support/application.js';
import { BEHAVIORS, behave, WITH_CAUSE, type Behavior } from '../behaviors.js';

/** One function of the user that misbehaves. */
export interface Misuse {
  readonly behavior: Behavior;
  /** The text of its error. */
  readonly cause: string;
  /** A token that identifies this misuse. */
  readonly id: string;
  /** The misbehavior of the function. */
  act(): never;
}

/** The error that a call of a service ended with. */
export interface Told {
  readonly error: unknown;
}

/** A function or object that users pass to a service or module. */
export interface ServiceHook {
  readonly name: string;
  /** The misbehaviors to test. Default: {@link BEHAVIORS}. */
  readonly behaviors?: readonly Behavior[];
  /** Must return its value synchronously: a promise or another thenable is a value of the wrong type. */
  readonly synchronous?: boolean;
  /** A failure affects nothing, so it does not have to be reported. */
  readonly silent?: boolean;
  /** Words of the log line about its failure, if no caller receives the error. */
  readonly logged?: (misuse: Misuse) => readonly string[];
  /**
   * Makes the function misbehave, and then uses the same service properly; fails if that does not work. Resolves with
   * the error that the caller received for the misuse, if there is one.
   */
  use(bench: Bench, misuse: Misuse): Promise<Told | undefined>;
}

/** Functions of the module's options, which the hook under test sets. */
export interface ModuleFunctions {
  onAck?: (() => unknown) | undefined;
  onError?: (() => unknown) | undefined;
  encode?: (() => never) | undefined;
  decode?: (() => never) | undefined;
  headers?: (() => never) | undefined;
}

/** An application in which functions of the user misbehave. */
export class Bench implements AsyncDisposable {
  private constructor(
    readonly server: NatsTestServer,
    readonly application: TestApplication,
    /** Functions of the module's options, which the hook under test sets. */
    readonly functions: ModuleFunctions,
  ) {}

  static async start({
    streams = [],
    ...metadata
  }: ModuleMetadata & { readonly streams?: readonly StreamDeclaration[] }): Promise<Bench> {
    const server = await NatsTestServer.start({
      users: [{ user: 'u', permissions: PERMISSIONS }],
      noAuthUser: 'u',
    });
    const functions: ModuleFunctions = {};
    const codec: Codec = {
      contentType: 'application/json',
      encode: (value) => functions.encode?.() ?? jsonCodec.encode(value),
      decode: (data) => functions.decode?.() ?? jsonCodec.decode(data),
    };
    const application = await startApplication(server.url, {
      ...metadata,
      options: {
        publish: {
          retry: { attempts: 0 },
          onAck: () => functions.onAck?.(),
          onError: () => functions.onError?.(),
          headers: () => functions.headers?.(),
        },
      },
      feature: {
        streams: [
          { name: 'PLAIN', subjects: ['plain.>'], storage: 'memory' },
          { name: 'CODED', subjects: ['coded.>'], storage: 'memory', codec },
          ...streams,
        ],
        keyValues: [
          { bucket: 'plain', storage: 'memory', history: 5 },
          { bucket: 'coded', storage: 'memory', codec },
        ],
        objectStores: [{ bucket: 'objects', storage: 'memory' }],
      },
    });
    return new Bench(server, application, functions);
  }

  get app(): INestApplicationContext {
    return this.application.app;
  }

  get jetstream(): JetStreamService {
    return this.app.get(JetStreamService);
  }

  bucket(name: 'plain' | 'coded' = 'plain'): Promise<KeyValue> {
    return this.app.get(KeyValueService).open(name);
  }

  store(): Promise<ObjectStore> {
    return this.app.get(ObjectStoreService).open('objects');
  }

  /** The warnings and errors in the log that have a text. */
  linesWith(text: string): readonly string[] {
    return this.application.logs.lines
      .filter((line) => (line.level === 'warn' || line.level === 'error') && line.text.includes(text))
      .map((line) => line.text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.app.close();
    await this.server.stop();
  }
}

/** A subject that cannot be published to; listeners of the connection receive the refusal. */
export const FORBIDDEN = 'forbidden';
const PERMISSIONS = { publish: { deny: [`${FORBIDDEN}.>`] }, subscribe: { allow: ['>'] } };

/** The error that a promise rejects with. */
export async function failure(promise: Promise<unknown>): Promise<Told | undefined> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    return { error };
  }
}

/** The misuses of a hook. */
export function misusesOf({ behaviors = BEHAVIORS }: ServiceHook, hook: number): readonly Misuse[] {
  return behaviors.map((behavior) => {
    const id = `m${hook}x${BEHAVIORS.indexOf(behavior)}`;
    const cause = `cause <${id}>\nfaked line`;
    return { behavior, cause, id, act: () => behave(behavior, cause) };
  });
}

/** Whether the cause has to be reported. */
export function hasCause(
  { synchronous = false, silent = false }: ServiceHook,
  { behavior }: Misuse,
): boolean {
  return !silent && WITH_CAUSE.includes(behavior) && (!synchronous || behavior === 'throws');
}

/** The texts of an error and of its causes. */
export function textsOf(told: Told): string {
  const texts: string[] = [];
  for (let { error } = told; error instanceof Error; error = error.cause) texts.push(error.message);
  return texts.join('\n');
}
